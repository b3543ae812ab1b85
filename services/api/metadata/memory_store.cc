#include "services/api/metadata/memory_store.h"

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "services/api/domain/access.h"
#include "services/api/metadata/memory_store_impl.h"
#include "services/api/metadata/transitions.h"
#include "services/common/base/status.h"

namespace stockroom::api {
namespace {

bool NewerFirst(const Image& a, const Image& b) {
  return std::tie(b.create_time, b.id) < std::tie(a.create_time, a.id);
}

}  // namespace

absl::StatusOr<CreatedImage> MemoryStore::CreateImage(const NewImage& created, absl::Time now) {
  Image image = CreatedFrom(created, now);
  SR_RETURN_IF_ERROR(CheckStorable(image));
  bool wrote = true;
  CreatedImage answer;
  {
    MutexLock lock(mu_);
    SR_RETURN_IF_ERROR(CheckReserved(created.once));
    if (!created.upload.empty()) {
      SR_ASSIGN_OR_RETURN(const std::optional<DirectUpload> before,
                          uploads_.CompletedBefore(created.upload));
      if (before) {
        const auto became = images_.find(before->image_id);
        if (became == images_.end()) return NoSuchImage(before->image_id);
        return CreatedImage{became->second, before->deduplicated, LastPosition()};
      }
    }
    Image* twin = created.allow_duplicate ? nullptr : FindTwin(created);
    if (twin != nullptr) {
      wrote = WantsNewJob(*twin);
      if (wrote) {
        BecomeQueued(*twin, now);
        InsertJob(twin->id, {.request_id = created.request_id}, now);
        Append(kImageUpdated, *twin, now);
      }
      answer = {*twin, true, LastPosition()};
    } else {
      SR_RETURN_IF_ERROR(created.unless_duplicate);
      if (!images_.emplace(image.id, image).second) return IdTaken(image.id);
      InsertJob(image.id, {.request_id = created.request_id}, now);
      Append(kImageCreated, image, now);
      answer = {std::move(image), false, LastPosition()};
    }
    StoreAnswer(created.once, answer.image, answer.deduplicated);
    if (!created.upload.empty()) uploads_.Complete(created.upload, answer, now);
  }
  if (wrote) Notify();
  return answer;
}

absl::StatusOr<int> MemoryStore::ImportImages(std::span<const ArchivedImage> images,
                                              absl::Time now) {
  SR_RETURN_IF_ERROR(CheckArchived(images));
  int imported = 0;
  {
    MutexLock lock(mu_);
    for (const ArchivedImage& archived : images) {
      const Image image = RestoredFrom(archived.image);
      if (!images_.emplace(image.id, image).second) continue;
      ++imported;
      if (image.state == ImageState::kPending) {
        InsertJob(image.id, {.priority = JobPriority::kBackground}, now);
      }
      if (archived.approved) moderation_.Approve(image.id);
      if (image.state == ImageState::kReady) moderation_.RestartSweep();
      Append(kImageUpdated, image, now);
    }
  }
  if (imported > 0) Notify();
  return imported;
}

absl::StatusOr<Image> MemoryStore::GetImage(const std::string& id) {
  MutexLock lock(mu_);
  const auto it = images_.find(id);
  if (it == images_.end()) return NoSuchImage(id);
  return it->second;
}

absl::StatusOr<std::vector<Image>> MemoryStore::GetImages(std::span<const std::string> ids) {
  const std::set<std::string> wanted(ids.begin(), ids.end());
  std::vector<Image> found;
  MutexLock lock(mu_);
  for (const std::string& id : wanted) {
    const auto it = images_.find(id);
    if (it != images_.end()) found.push_back(it->second);
  }
  return found;
}

absl::StatusOr<std::vector<Image>> MemoryStore::ListImages(const ListQuery& query) {
  std::vector<Image> page;
  {
    MutexLock lock(mu_);
    for (const auto& [id, image] : images_) {
      if (image.state == ImageState::kUploading) continue;
      const bool own = query.all_owners || image.owner == query.viewer;
      const bool hidden = IsHidden(image.state) && !query.own_hidden && !query.all_owners;
      if ((SeenAs(image) != Visibility::kPublic && !own) || hidden) continue;
      if (query.after && !(std::tie(image.create_time, image.id) <
                           std::tie(query.after->create_time, query.after->id))) {
        continue;
      }
      page.push_back(image);
    }
  }
  std::sort(page.begin(), page.end(), NewerFirst);
  page.resize(std::min(page.size(), static_cast<size_t>(std::max(query.limit, 0))));
  return page;
}

absl::StatusOr<Usage> MemoryStore::UsageOf(const std::string& owner) {
  Usage usage;
  MutexLock lock(mu_);
  for (const auto& [id, image] : images_) {
    if (image.owner != owner) continue;
    ++usage.images;
    usage.bytes += image.size_bytes;
  }
  uploads_.AddTo(usage, owner);
  return usage;
}

absl::StatusOr<ChangedImage> MemoryStore::UpdateImage(
    const std::string& id, absl::Time now, const std::function<absl::Status(Image&)>& edit,
    const std::optional<IdempotentWrite>& once) {
  ChangedImage answer;
  {
    MutexLock lock(mu_);
    SR_RETURN_IF_ERROR(CheckReserved(once));
    const auto it = images_.find(id);
    if (it == images_.end()) return NoSuchImage(id);
    SR_ASSIGN_OR_RETURN(const bool changed, ApplyEdit(it->second, now, edit));
    StoreAnswer(once, it->second, false);
    if (changed) Append(kImageUpdated, it->second, now);
    answer = {it->second, LastPosition()};
    if (!changed) return answer;
  }
  Notify();
  return answer;
}

absl::StatusOr<ChangedImage> MemoryStore::DeleteImage(
    const std::string& id, absl::Time now, const std::function<absl::Status(const Image&)>& check,
    const std::optional<IdempotentWrite>& once) {
  ChangedImage answer;
  {
    MutexLock lock(mu_);
    SR_RETURN_IF_ERROR(CheckReserved(once));
    const auto it = images_.find(id);
    if (it == images_.end()) return NoSuchImage(id);
    SR_RETURN_IF_ERROR(check(it->second));
    answer.image = std::move(it->second);
    images_.erase(it);
    moderation_.Forget(id);
    popularity_.Forget(id);
    std::erase_if(jobs_, [&](const auto& entry) { return entry.second.job.image_id == id; });
    StoreAnswer(once, answer.image, false);
    Append(kImageDeleted, answer.image, now, answer.image.revision + 1);
    answer.feed_position = LastPosition();
  }
  Notify();
  return answer;
}

absl::StatusOr<std::vector<Digest>> MemoryStore::ReferencedAmong(std::span<const Digest> digests) {
  std::set<Digest> referenced;
  MutexLock lock(mu_);
  for (const auto& [id, image] : images_) referenced.insert(image.sha256);
  std::vector<Digest> found;
  for (const Digest& digest : digests) {
    if (referenced.contains(digest)) found.push_back(digest);
  }
  return found;
}

Image* MemoryStore::FindTwin(const NewImage& created) {
  const auto rank = [](const Image& image) {
    return std::make_tuple(image.state == ImageState::kFailed, image.create_time, image.id);
  };
  Image* best = nullptr;
  for (auto& [id, image] : images_) {
    if (image.owner != created.owner || image.sha256 != created.sha256) continue;
    if (best == nullptr || rank(image) < rank(*best)) best = &image;
  }
  return best;
}

std::unique_ptr<MetadataStore> NewMemoryStore() { return std::make_unique<MemoryStore>(); }

}  // namespace stockroom::api
