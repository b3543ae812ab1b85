// The part of MemoryStore that leases jobs.
#include <algorithm>
#include <set>
#include <utility>

#include "services/api/metadata/memory_store_impl.h"
#include "services/api/metadata/transitions.h"
#include "services/common/base/status.h"

namespace stockroom::api {

absl::StatusOr<std::vector<LeasedJob>> MemoryStore::LeaseJobs(const LeaseRequest& request) {
  MutexLock lock(mu_);
  // The map's order is that of leasing.
  std::vector<JobRow*> free;
  int background = 0;
  for (auto& [id, row] : jobs_) {
    if (static_cast<int>(free.size()) >= request.max_jobs) break;
    if (row.available > StoredTime(request.now)) continue;
    if (row.job.priority == JobPriority::kBackground && ++background > request.max_background) {
      break;
    }
    free.push_back(&row);
  }
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

absl::StatusOr<std::vector<JobRef>> MemoryStore::RenewLeases(std::span<const JobRef> jobs,
                                                             absl::Time lease_until) {
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

absl::StatusOr<Image> MemoryStore::CompleteJob(const JobRef& job, const ProcessingResult& result,
                                               absl::Time now) {
  SR_RETURN_IF_ERROR(CheckStorable(result));
  Image done;
  {
    MutexLock lock(mu_);
    JobRow* row = Held(job);
    if (row == nullptr) return LeaseLost(job);
    const int64_t version = moderation_.sweep().version;
    if (result.block_list_version < version) {
      return BlockListChanged(result.block_list_version, version);
    }
    Image& image = images_.at(row->job.image_id);
    const std::string id = image.id;
    Record(image, BecomeProcessed(image, result, moderation_.Approved(id), now), std::nullopt, now);
    jobs_.erase(job.id);
    done = image;
  }
  Notify();
  return done;
}

absl::StatusOr<Image> MemoryStore::FailJob(const JobRef& job, FailKind kind,
                                           const std::string& reason, absl::Time now) {
  bool wrote = false;
  Image done;
  {
    MutexLock lock(mu_);
    JobRow* row = Held(job);
    if (row == nullptr) return LeaseLost(job);
    Image& image = images_.at(row->job.image_id);
    wrote = BecomeFailed(image, kind, reason, now);
    if (wrote) Append(kImageFailed, image, now);
    jobs_.erase(job.id);
    done = image;
  }
  if (wrote) Notify();
  return done;
}

absl::Status MemoryStore::ReleaseJob(const JobRef& job, ReleaseKind kind, absl::Time not_before) {
  MutexLock lock(mu_);
  JobRow* row = Held(job);
  if (row == nullptr) return LeaseLost(job);
  row->leased = false;
  row->available = StoredTime(not_before);
  CountRelease(row->job, kind);
  BecomeReleased(images_.at(row->job.image_id));
  return absl::OkStatus();
}

absl::StatusOr<int> MemoryStore::ReleaseAllLeases() {
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

absl::StatusOr<int> MemoryStore::EnqueueJobs(std::span<const std::string> image_ids,
                                             const EnqueueRequest& request, absl::Time now) {
  bool wrote = false;
  int made = 0;
  {
    MutexLock lock(mu_);
    for (const std::string& id : std::set<std::string>(image_ids.begin(), image_ids.end())) {
      const auto it = images_.find(id);
      if (it == images_.end()) continue;
      const auto job = JobOf(id);
      if (job != jobs_.end()) {
        made += MoveUp(job, request.priority, now) ? 1 : 0;
        continue;
      }
      InsertJob(id, request, now);
      ++made;
      if (!BecomeQueued(it->second, now)) continue;
      Append(kImageUpdated, it->second, now);
      wrote = true;
    }
  }
  if (wrote) Notify();
  return made;
}

absl::StatusOr<std::vector<std::string>> MemoryStore::ListOutdated(const std::string& work_plan,
                                                                   const std::string& after,
                                                                   int limit) {
  std::vector<std::string> ids;
  MutexLock lock(mu_);
  for (auto it = images_.upper_bound(after);
       it != images_.end() && static_cast<int>(ids.size()) < limit; ++it) {
    const Image& image = it->second;
    const bool settled = image.state == ImageState::kReady || WantsNewJob(image);
    const bool current = !work_plan.empty() && image.work_plan == work_plan;
    if (settled && !current && JobOf(it->first) == jobs_.end()) ids.push_back(it->first);
  }
  return ids;
}

absl::StatusOr<MemoryStore::JobCounts> MemoryStore::CountJobs(absl::Time now, int limit) {
  MutexLock lock(mu_);
  JobCounts counts;
  for (const auto& [id, row] : jobs_) {
    if (counts.leased + counts.waiting >= limit) break;
    ++(row.leased && row.available > StoredTime(now) ? counts.leased : counts.waiting);
  }
  return counts;
}

absl::StatusOr<std::optional<absl::Time>> MemoryStore::NextJobTime(absl::Time now) {
  MutexLock lock(mu_);
  std::optional<absl::Time> next;
  for (const auto& [id, row] : jobs_) {
    if (row.available > StoredTime(now) && (!next || row.available < *next)) {
      next = row.available;
    }
  }
  return next;
}

void MemoryStore::InsertJob(const std::string& image_id, const EnqueueRequest& request,
                            absl::Time now) {
  JobRow row;
  row.job.id = NewJobId(request.priority, now);
  row.job.image_id = image_id;
  row.job.request_id = request.request_id;
  row.job.priority = request.priority;
  row.created = row.available = StoredTime(now);
  jobs_.emplace(row.job.id, std::move(row));
}

std::map<std::string, MemoryStore::JobRow>::iterator MemoryStore::JobOf(
    const std::string& image_id) {
  return std::find_if(jobs_.begin(), jobs_.end(),
                      [&](const auto& entry) { return entry.second.job.image_id == image_id; });
}

bool MemoryStore::MoveUp(std::map<std::string, JobRow>::iterator it, JobPriority wanted,
                         absl::Time now) {
  if (it->second.leased || it->second.job.priority <= wanted) return false;
  JobRow row = std::move(it->second);
  jobs_.erase(it);
  row.job.id = NewJobId(wanted, now);
  row.job.priority = wanted;
  row.available = std::min(row.available, StoredTime(now));
  jobs_.emplace(row.job.id, std::move(row));
  return true;
}

MemoryStore::JobRow* MemoryStore::Held(const JobRef& ref) {
  const auto it = jobs_.find(ref.id);
  if (it == jobs_.end() || !it->second.leased || it->second.job.token != ref.token) {
    return nullptr;
  }
  return &it->second;
}

}  // namespace stockroom::api
