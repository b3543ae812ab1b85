// The part of MemoryStore that moderates, counts popularity and knows direct uploads.
#include <utility>

#include "services/api/domain/access.h"
#include "services/api/domain/upload_rules.h"
#include "services/api/metadata/memory_store_impl.h"
#include "services/api/metadata/transitions.h"
#include "services/api/metadata/upload_transitions.h"
#include "services/common/base/status.h"

namespace stockroom::api {

absl::StatusOr<MemoryStore::Added> MemoryStore::AddHashes(std::span<const BlockedHash> hashes,
                                                          int max) {
  MutexLock lock(mu_);
  return moderation_.AddHashes(hashes, max);
}

absl::StatusOr<int> MemoryStore::RemoveHashes(std::span<const std::string> hashes) {
  MutexLock lock(mu_);
  return moderation_.RemoveHashes(hashes);
}

absl::StatusOr<std::vector<BlockedHash>> MemoryStore::ListHashes(const std::string& after,
                                                                 int limit) {
  MutexLock lock(mu_);
  return moderation_.ListHashes(after, limit);
}

absl::StatusOr<BlockListRows> MemoryStore::ReadBlockList() {
  MutexLock lock(mu_);
  return moderation_.ReadBlockList();
}

absl::StatusOr<SweepState> MemoryStore::ReadSweep() {
  MutexLock lock(mu_);
  return moderation_.sweep();
}

absl::Status MemoryStore::MoveSweep(const SweepState& from, const SweepState& to) {
  MutexLock lock(mu_);
  return moderation_.MoveSweep(from, to);
}

absl::StatusOr<std::vector<HashedImage>> MemoryStore::ListVisible(const std::string& after,
                                                                  int limit) {
  MutexLock lock(mu_);
  std::vector<HashedImage> visible;
  for (auto it = images_.upper_bound(after);
       it != images_.end() && static_cast<int>(visible.size()) < limit; ++it) {
    if (it->second.state != ImageState::kReady) continue;
    const auto pdq = it->second.analysis.find("pdq");
    visible.push_back(
        {.id = it->first, .pdq = pdq == it->second.analysis.end() ? "" : pdq->second});
  }
  return visible;
}

absl::StatusOr<bool> MemoryStore::FlagVisible(const std::string& image_id, const Finding& finding,
                                              absl::Time now) {
  {
    MutexLock lock(mu_);
    const auto it = images_.find(image_id);
    if (it == images_.end()) return false;
    const Moderated done = BecomeFlagged(it->second, finding, moderation_.Approved(image_id), now);
    if (done.event == nullptr) return false;
    Record(it->second, done, std::nullopt, now);
  }
  Notify();
  return true;
}

absl::StatusOr<std::optional<int64_t>> MemoryStore::ApprovedVersion(const std::string& image_id) {
  MutexLock lock(mu_);
  return moderation_.Approved(image_id);
}

absl::StatusOr<ChangedImage> MemoryStore::Decide(const std::string& image_id,
                                                 const DecisionRequest& request, absl::Time now,
                                                 const std::optional<IdempotentWrite>& once) {
  ChangedImage answer;
  {
    MutexLock lock(mu_);
    SR_RETURN_IF_ERROR(CheckReserved(once));
    const auto it = images_.find(image_id);
    if (it == images_.end()) return NoSuchImage(image_id);
    SR_ASSIGN_OR_RETURN(const Moderated done, BecomeDecided(it->second, request, now));
    std::optional<int64_t> approved;
    if (request.to == ImageState::kReady) approved = moderation_.sweep().version;
    StoreAnswer(once, it->second, false);
    Record(it->second, done, approved, now);
    answer = {it->second, LastPosition()};
    if (done.event == nullptr) return answer;
  }
  Notify();
  return answer;
}

absl::StatusOr<std::vector<Image>> MemoryStore::ListHidden(ImageState state,
                                                           const std::string& before, int limit) {
  MutexLock lock(mu_);
  std::vector<Image> hidden;
  for (auto it = images_.rbegin(); it != images_.rend() && static_cast<int>(hidden.size()) < limit;
       ++it) {
    if (it->second.state != state || (!before.empty() && it->first >= before)) continue;
    hidden.push_back(it->second);
  }
  return hidden;
}

absl::StatusOr<std::vector<Decision>> MemoryStore::ListDecisions(const std::string& image_id,
                                                                 const std::string& before,
                                                                 int limit) {
  MutexLock lock(mu_);
  return moderation_.ListDecisions(image_id, before, limit);
}

absl::Status MemoryStore::AddPopularity(std::span<const Popularity> increments) {
  MutexLock lock(mu_);
  popularity_.BeginChange();
  for (const Popularity& one : increments) {
    if (images_.contains(one.image_id)) popularity_.Add(one);
  }
  return absl::OkStatus();
}

absl::StatusOr<MemoryStore::Page> MemoryStore::ReadPopularity(const Cursor& after, int limit) {
  MutexLock lock(mu_);
  return popularity_.Read(after, limit);
}

absl::Status MemoryStore::CreateUpload(const DirectUpload& upload, int max_open,
                                       const std::optional<IdempotentWrite>& once) {
  SR_ASSIGN_OR_RETURN(const DirectUpload stored, StoredUpload(upload));
  MutexLock lock(mu_);
  SR_RETURN_IF_ERROR(CheckReserved(once));
  SR_RETURN_IF_ERROR(uploads_.CheckRoom(stored, max_open));
  if (images_.contains(stored.id)) return IdTaken(stored.id);
  uploads_.Insert(stored);
  StoreAnswer(once, UploadingImage(stored), false);
  return absl::OkStatus();
}

absl::StatusOr<DirectUpload> MemoryStore::GetUpload(const std::string& id) {
  MutexLock lock(mu_);
  return uploads_.Get(id);
}

absl::StatusOr<std::vector<DirectUpload>> MemoryStore::ListUploads(const std::string& owner,
                                                                   const std::string& before,
                                                                   int limit) {
  MutexLock lock(mu_);
  return uploads_.List(owner, before, limit);
}

absl::StatusOr<EndedUpload> MemoryStore::EndUpload(const std::string& id, UploadState to,
                                                   const std::string& failure, absl::Time now) {
  MutexLock lock(mu_);
  return uploads_.End(id, to, failure, now);
}

absl::StatusOr<std::vector<DirectUpload>> MemoryStore::DueUploads(absl::Time now, int limit) {
  MutexLock lock(mu_);
  return uploads_.Due(now, limit);
}

absl::Status MemoryStore::PostponeUpload(const std::string& id, absl::Time next) {
  MutexLock lock(mu_);
  uploads_.Postpone(id, next);
  return absl::OkStatus();
}

absl::Status MemoryStore::NoteIncomingGone(const std::string& id, absl::Time next) {
  MutexLock lock(mu_);
  uploads_.NoteIncomingGone(id, next);
  return absl::OkStatus();
}

absl::Status MemoryStore::ForgetUpload(const std::string& id) {
  MutexLock lock(mu_);
  uploads_.Forget(id);
  return absl::OkStatus();
}

}  // namespace stockroom::api
