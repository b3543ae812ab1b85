#include "services/api/metadata/memory_store.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <utility>

#include "services/api/metadata/transitions.h"
#include "services/common/base/ids.h"
#include "services/common/base/mutex.h"
#include "services/common/base/status.h"

namespace stockroom::api {
namespace {

constexpr size_t kSnapshotBatch = 256;

struct JobRow {
  Job job;
  bool leased = false;
  // End of the lease, or the earliest time of the next one.
  absl::Time available;
  absl::Time created;
};

bool NewerFirst(const Image& a, const Image& b) {
  return std::tie(b.create_time, b.id) < std::tie(a.create_time, a.id);
}

class MemoryStore final : public MetadataStore {
 public:
  absl::StatusOr<CreatedImage> CreateImage(const NewImage& created, absl::Time now) override {
    Image image = CreatedFrom(created, now);
    SR_RETURN_IF_ERROR(CheckStorable(image));
    bool wrote = true;
    CreatedImage answer;
    {
      MutexLock lock(mu_);
      Image* twin = created.allow_duplicate ? nullptr : FindTwin(created);
      if (twin != nullptr) {
        wrote = BecomeQueued(*twin, now);
        if (wrote) {
          InsertJob(twin->id, created.request_id, now);
          Append(kImageUpdated, *twin, now);
        }
        answer = {*twin, true, LastPosition()};
      } else {
        if (!images_.emplace(image.id, image).second) return IdTaken(image.id);
        InsertJob(image.id, created.request_id, now);
        Append(kImageCreated, image, now);
        answer = {std::move(image), false, LastPosition()};
      }
    }
    if (wrote) Notify();
    return answer;
  }

  absl::StatusOr<Image> GetImage(const std::string& id) override {
    MutexLock lock(mu_);
    const auto it = images_.find(id);
    if (it == images_.end()) return NoSuchImage(id);
    return it->second;
  }

  absl::StatusOr<std::vector<Image>> GetImages(std::span<const std::string> ids) override {
    const std::set<std::string> wanted(ids.begin(), ids.end());
    std::vector<Image> found;
    MutexLock lock(mu_);
    for (const std::string& id : wanted) {
      const auto it = images_.find(id);
      if (it != images_.end()) found.push_back(it->second);
    }
    return found;
  }

  absl::StatusOr<std::vector<Image>> ListImages(const ListQuery& query) override {
    std::vector<Image> page;
    {
      MutexLock lock(mu_);
      for (const auto& [id, image] : images_) {
        if (image.state == ImageState::kUploading) continue;
        if (image.described.visibility != Visibility::kPublic && image.owner != query.viewer) {
          continue;
        }
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

  absl::StatusOr<Image> UpdateImage(const std::string& id, absl::Time now,
                                    const std::function<absl::Status(Image&)>& edit) override {
    Image updated;
    {
      MutexLock lock(mu_);
      const auto it = images_.find(id);
      if (it == images_.end()) return NoSuchImage(id);
      SR_ASSIGN_OR_RETURN(const bool changed, ApplyEdit(it->second, now, edit));
      if (!changed) return it->second;
      Append(kImageUpdated, it->second, now);
      updated = it->second;
    }
    Notify();
    return updated;
  }

  absl::StatusOr<Image> DeleteImage(
      const std::string& id, absl::Time now,
      const std::function<absl::Status(const Image&)>& check) override {
    Image removed;
    {
      MutexLock lock(mu_);
      const auto it = images_.find(id);
      if (it == images_.end()) return NoSuchImage(id);
      SR_RETURN_IF_ERROR(check(it->second));
      removed = std::move(it->second);
      images_.erase(it);
      std::erase_if(jobs_, [&](const auto& entry) { return entry.second.job.image_id == id; });
      Append(kImageDeleted, removed, now, removed.revision + 1);
    }
    Notify();
    return removed;
  }

  absl::StatusOr<bool> IsReferenced(const Digest& digest) override {
    MutexLock lock(mu_);
    return std::any_of(images_.begin(), images_.end(),
                       [&](const auto& entry) { return entry.second.sha256 == digest; });
  }

  absl::StatusOr<std::vector<LeasedJob>> LeaseJobs(const LeaseRequest& request) override {
    MutexLock lock(mu_);
    std::vector<JobRow*> free;
    for (auto& [id, row] : jobs_) {
      if (row.available <= StoredTime(request.now)) free.push_back(&row);
    }
    std::sort(free.begin(), free.end(), [](const JobRow* a, const JobRow* b) {
      return std::tie(a->created, a->job.id) < std::tie(b->created, b->job.id);
    });
    free.resize(std::min(free.size(), static_cast<size_t>(std::max(request.max_jobs, 0))));
    std::vector<LeasedJob> leased;
    for (JobRow* row : free) {
      row->leased = true;
      row->available = StoredTime(request.now + request.lease);
      row->job.lease_until = row->available;
      ++row->job.attempt;
      ++row->job.token;
      Image& image = images_.at(row->job.image_id);
      BecomeLeased(image);
      leased.push_back({row->job, image});
    }
    return leased;
  }

  absl::StatusOr<std::vector<JobRef>> RenewLeases(std::span<const JobRef> jobs,
                                                  absl::Time lease_until) override {
    MutexLock lock(mu_);
    std::vector<JobRef> held;
    for (const JobRef& ref : jobs) {
      JobRow* row = Held(ref);
      if (row == nullptr) continue;
      row->available = StoredTime(lease_until);
      held.push_back(ref);
    }
    return held;
  }

  absl::StatusOr<Image> CompleteJob(const JobRef& job, const ProcessingResult& result,
                                    absl::Time now) override {
    SR_RETURN_IF_ERROR(CheckStorable(result));
    Image done;
    {
      MutexLock lock(mu_);
      JobRow* row = Held(job);
      if (row == nullptr) return LeaseLost(job);
      Image& image = images_.at(row->job.image_id);
      BecomeReady(image, result, now);
      Append(kImageReady, image, now);
      jobs_.erase(job.id);
      done = image;
    }
    Notify();
    return done;
  }

  absl::StatusOr<Image> FailJob(const JobRef& job, const std::string& reason,
                                absl::Time now) override {
    bool wrote = false;
    Image done;
    {
      MutexLock lock(mu_);
      JobRow* row = Held(job);
      if (row == nullptr) return LeaseLost(job);
      Image& image = images_.at(row->job.image_id);
      wrote = BecomeFailed(image, reason, now);
      if (wrote) Append(kImageFailed, image, now);
      jobs_.erase(job.id);
      done = image;
    }
    if (wrote) Notify();
    return done;
  }

  absl::Status ReleaseJob(const JobRef& job, ReleaseKind kind, absl::Time not_before) override {
    MutexLock lock(mu_);
    JobRow* row = Held(job);
    if (row == nullptr) return LeaseLost(job);
    row->leased = false;
    row->available = StoredTime(not_before);
    if (kind == ReleaseKind::kNotBegun) --row->job.attempt;
    BecomeReleased(images_.at(row->job.image_id));
    return absl::OkStatus();
  }

  absl::StatusOr<int> ReleaseAllLeases() override {
    MutexLock lock(mu_);
    int released = 0;
    for (auto& [id, row] : jobs_) {
      if (!row.leased) continue;
      row.leased = false;
      row.available = row.created;
      BecomeReleased(images_.at(row.job.image_id));
      ++released;
    }
    return released;
  }

  absl::StatusOr<bool> EnqueueJob(const std::string& image_id, const std::string& request_id,
                                  absl::Time now) override {
    bool wrote = false;
    {
      MutexLock lock(mu_);
      const auto it = images_.find(image_id);
      if (it == images_.end()) return NoSuchImage(image_id);
      for (const auto& [id, row] : jobs_) {
        if (row.job.image_id == image_id) return false;
      }
      InsertJob(image_id, request_id, now);
      wrote = BecomeQueued(it->second, now);
      if (wrote) Append(kImageUpdated, it->second, now);
    }
    if (wrote) Notify();
    return true;
  }

  absl::StatusOr<JobCounts> CountJobs(absl::Time now) override {
    MutexLock lock(mu_);
    JobCounts counts;
    for (const auto& [id, row] : jobs_) {
      ++(row.leased && row.available > StoredTime(now) ? counts.leased : counts.waiting);
    }
    return counts;
  }

  absl::StatusOr<std::optional<absl::Time>> NextJobTime(absl::Time now) override {
    MutexLock lock(mu_);
    std::optional<absl::Time> next;
    for (const auto& [id, row] : jobs_) {
      if (row.available > StoredTime(now) && (!next || row.available < *next)) {
        next = row.available;
      }
    }
    return next;
  }

  absl::StatusOr<std::vector<Event>> ReadEvents(int64_t position, int limit) override {
    MutexLock lock(mu_);
    std::vector<Event> page;
    for (int64_t i = std::max<int64_t>(position, 0);
         i < LastPosition() && static_cast<int>(page.size()) < limit; ++i) {
      page.push_back(events_[i]);
    }
    return page;
  }

  absl::StatusOr<int64_t> Snapshot(
      const std::function<absl::Status(std::vector<Image>)>& visit) override {
    std::vector<Image> all;
    int64_t position = 0;
    {
      MutexLock lock(mu_);
      position = LastPosition();
      for (const auto& [id, image] : images_) all.push_back(image);
    }
    for (size_t begin = 0; begin < all.size(); begin += kSnapshotBatch) {
      const size_t end = std::min(all.size(), begin + kSnapshotBatch);
      SR_RETURN_IF_ERROR(visit({std::make_move_iterator(all.begin() + begin),
                                std::make_move_iterator(all.begin() + end)}));
    }
    return position;
  }

  void SetCommitListener(std::function<void()> listener) override {
    listener_ = std::move(listener);
  }

 private:
  // The owner's image with these bytes: one that has not failed if there is any, else the oldest.
  Image* FindTwin(const NewImage& created) SR_REQUIRES(mu_) {
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

  void InsertJob(const std::string& image_id, const std::string& request_id, absl::Time now)
      SR_REQUIRES(mu_) {
    JobRow row;
    row.job.id = NewUuidV7(now);
    row.job.image_id = image_id;
    row.job.request_id = request_id;
    row.created = row.available = StoredTime(now);
    jobs_.emplace(row.job.id, std::move(row));
  }

  JobRow* Held(const JobRef& ref) SR_REQUIRES(mu_) {
    const auto it = jobs_.find(ref.id);
    if (it == jobs_.end() || !it->second.leased || it->second.job.token != ref.token) {
      return nullptr;
    }
    return &it->second;
  }

  void Append(const char* type, const Image& image, absl::Time now, int64_t revision = 0)
      SR_REQUIRES(mu_) {
    events_.push_back({.position = LastPosition() + 1,
                       .id = NewUuidV7(now),
                       .type = type,
                       .image_id = image.id,
                       .revision = revision != 0 ? revision : image.revision,
                       .time = StoredTime(now)});
  }
  int64_t LastPosition() const SR_REQUIRES(mu_) { return static_cast<int64_t>(events_.size()); }

  void Notify() {
    if (listener_) listener_();
  }

  Mutex mu_;
  std::map<std::string, Image> images_ SR_GUARDED_BY(mu_);
  std::map<std::string, JobRow> jobs_ SR_GUARDED_BY(mu_);
  std::vector<Event> events_ SR_GUARDED_BY(mu_);
  std::function<void()> listener_;
};

}  // namespace

std::unique_ptr<MetadataStore> NewMemoryStore() { return std::make_unique<MemoryStore>(); }

}  // namespace stockroom::api
