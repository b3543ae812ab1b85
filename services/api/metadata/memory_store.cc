#include "services/api/metadata/memory_store.h"

#include <algorithm>
#include <deque>
#include <iterator>
#include <map>
#include <set>
#include <utility>

#include "absl/time/clock.h"
#include "services/api/domain/access.h"
#include "services/api/metadata/memory_api_keys.h"
#include "services/api/metadata/memory_webhook_store.h"
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

struct KeyRow {
  int64_t token = 0;
  absl::Time until;
  absl::Time created;
  bool answered = false;
  Digest fingerprint;
  std::string answer;
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
      SR_RETURN_IF_ERROR(CheckReserved(created.once));
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
        const bool own = query.all_owners || image.owner == query.viewer;
        if (image.described.visibility != Visibility::kPublic && !own) continue;
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

  absl::StatusOr<Usage> UsageOf(const std::string& owner) override {
    Usage usage;
    MutexLock lock(mu_);
    for (const auto& [id, image] : images_) {
      if (image.owner != owner) continue;
      ++usage.images;
      usage.bytes += image.size_bytes;
    }
    return usage;
  }

  absl::StatusOr<ChangedImage> UpdateImage(const std::string& id, absl::Time now,
                                           const std::function<absl::Status(Image&)>& edit,
                                           const std::optional<IdempotentWrite>& once) override {
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

  absl::StatusOr<ChangedImage> DeleteImage(const std::string& id, absl::Time now,
                                           const std::function<absl::Status(const Image&)>& check,
                                           const std::optional<IdempotentWrite>& once) override {
    ChangedImage answer;
    {
      MutexLock lock(mu_);
      SR_RETURN_IF_ERROR(CheckReserved(once));
      const auto it = images_.find(id);
      if (it == images_.end()) return NoSuchImage(id);
      SR_RETURN_IF_ERROR(check(it->second));
      answer.image = std::move(it->second);
      images_.erase(it);
      std::erase_if(jobs_, [&](const auto& entry) { return entry.second.job.image_id == id; });
      StoreAnswer(once, answer.image, false);
      Append(kImageDeleted, answer.image, now, answer.image.revision + 1);
      answer.feed_position = LastPosition();
    }
    Notify();
    return answer;
  }

  absl::StatusOr<std::vector<Digest>> ReferencedAmong(std::span<const Digest> digests) override {
    std::set<Digest> referenced;
    MutexLock lock(mu_);
    for (const auto& [id, image] : images_) referenced.insert(image.sha256);
    std::vector<Digest> found;
    for (const Digest& digest : digests) {
      if (referenced.contains(digest)) found.push_back(digest);
    }
    return found;
  }

  absl::StatusOr<KeyReservation> ReserveKey(const std::string& owner, const std::string& key,
                                            absl::Time now, absl::Time until) override {
    MutexLock lock(mu_);
    KeyRow& row = keys_[{owner, key}];
    if (row.answered) {
      return KeyReservation{KeyReservation::State::kAnswered, 0, row.fingerprint, row.answer};
    }
    if (row.token != 0 && row.until > StoredTime(now)) {
      return KeyReservation{.state = KeyReservation::State::kInFlight};
    }
    row = {.token = NewReservationToken(), .until = StoredTime(until), .created = StoredTime(now)};
    return KeyReservation{.state = KeyReservation::State::kReserved, .token = row.token};
  }

  absl::Status ReleaseKey(const std::string& owner, const std::string& key,
                          int64_t token) override {
    MutexLock lock(mu_);
    const auto it = keys_.find({owner, key});
    if (it != keys_.end() && it->second.token == token && !it->second.answered) keys_.erase(it);
    return absl::OkStatus();
  }

  absl::Status AmendAnswer(const std::string& owner, const std::string& key, int64_t token,
                           const std::string& answer) override {
    MutexLock lock(mu_);
    const auto it = keys_.find({owner, key});
    if (it != keys_.end() && it->second.token == token && it->second.answered) {
      it->second.answer = answer;
    }
    return absl::OkStatus();
  }

  absl::StatusOr<int> ForgetKeys(absl::Time before, int limit) override {
    MutexLock lock(mu_);
    int forgotten = 0;
    for (auto it = keys_.begin(); it != keys_.end() && forgotten < limit;) {
      const bool old = it->second.created < StoredTime(before);
      forgotten += old ? 1 : 0;
      it = old ? keys_.erase(it) : std::next(it);
    }
    return forgotten;
  }

  absl::StatusOr<std::vector<LeasedJob>> LeaseJobs(const LeaseRequest& request) override {
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

  absl::StatusOr<Image> FailJob(const JobRef& job, FailKind kind, const std::string& reason,
                                absl::Time now) override {
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

  absl::Status ReleaseJob(const JobRef& job, ReleaseKind kind, absl::Time not_before) override {
    MutexLock lock(mu_);
    JobRow* row = Held(job);
    if (row == nullptr) return LeaseLost(job);
    row->leased = false;
    row->available = StoredTime(not_before);
    CountRelease(row->job, kind);
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

  absl::StatusOr<int> EnqueueJobs(std::span<const std::string> image_ids,
                                  const EnqueueRequest& request, absl::Time now) override {
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

  absl::StatusOr<std::vector<std::string>> ListOutdated(const std::string& work_plan,
                                                        const std::string& after,
                                                        int limit) override {
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

  absl::StatusOr<JobCounts> CountJobs(absl::Time now, int limit) override {
    MutexLock lock(mu_);
    JobCounts counts;
    for (const auto& [id, row] : jobs_) {
      if (counts.leased + counts.waiting >= limit) break;
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
    if (position < trimmed_) return FeedTrimmed(position, trimmed_);
    const auto begin = std::partition_point(events_.begin(), events_.end(),
                                            [&](const Event& e) { return e.position <= position; });
    const auto count = std::min<int64_t>(std::max(limit, 0), events_.end() - begin);
    return std::vector<Event>(begin, begin + count);
  }

  absl::StatusOr<int> TrimEvents(absl::Time before, int limit) override {
    MutexLock lock(mu_);
    int trimmed = 0;
    while (trimmed < limit && events_.size() > 1 && events_.front().time < StoredTime(before)) {
      trimmed_ = events_.front().position;
      events_.pop_front();
      ++trimmed;
    }
    return trimmed;
  }

  absl::StatusOr<FeedRange> GetFeedRange() override {
    MutexLock lock(mu_);
    return FeedRange{.trimmed = trimmed_, .last = LastPosition()};
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

  absl::StatusOr<bool> TakeLease(const std::string& name, const std::string& holder, absl::Time now,
                                 absl::Duration ttl) override {
    MutexLock lock(mu_);
    auto& [current, until] = leases_[name];
    if (current != holder && until > StoredTime(now)) return false;
    current = holder;
    until = StoredTime(now + ttl);
    return true;
  }

  absl::StatusOr<absl::Time> ServerTime() override { return absl::Now(); }

  ApiKeyStore& api_keys() override { return api_keys_; }
  WebhookStore& webhooks() override { return *webhooks_; }

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

  void InsertJob(const std::string& image_id, const EnqueueRequest& request, absl::Time now)
      SR_REQUIRES(mu_) {
    JobRow row;
    row.job.id = NewJobId(request.priority, now);
    row.job.image_id = image_id;
    row.job.request_id = request.request_id;
    row.job.priority = request.priority;
    row.created = row.available = StoredTime(now);
    jobs_.emplace(row.job.id, std::move(row));
  }

  std::map<std::string, JobRow>::iterator JobOf(const std::string& image_id) SR_REQUIRES(mu_) {
    return std::find_if(jobs_.begin(), jobs_.end(),
                        [&](const auto& entry) { return entry.second.job.image_id == image_id; });
  }
  bool MoveUp(std::map<std::string, JobRow>::iterator it, JobPriority wanted, absl::Time now)
      SR_REQUIRES(mu_) {
    if (it->second.leased || it->second.job.priority <= wanted) return false;
    JobRow row = std::move(it->second);
    jobs_.erase(it);
    row.job.id = NewJobId(wanted, now);
    row.job.priority = wanted;
    row.available = std::min(row.available, StoredTime(now));
    jobs_.emplace(row.job.id, std::move(row));
    return true;
  }

  absl::Status CheckReserved(const std::optional<IdempotentWrite>& once) SR_REQUIRES(mu_) {
    if (!once) return absl::OkStatus();
    const auto it = keys_.find({once->owner, once->key});
    const bool held = it != keys_.end() && it->second.token == once->token && !it->second.answered;
    return held ? absl::OkStatus() : KeyLost(once->key);
  }
  void StoreAnswer(const std::optional<IdempotentWrite>& once, const Image& image,
                   bool deduplicated) SR_REQUIRES(mu_) {
    if (!once) return;
    KeyRow& row = keys_.at({once->owner, once->key});
    row.answered = true;
    row.fingerprint = once->fingerprint;
    row.answer = once->answer(image, deduplicated);
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
                       .time = StoredTime(now),
                       .owner = image.owner,
                       .visibility = image.described.visibility});
  }
  int64_t LastPosition() const SR_REQUIRES(mu_) {
    return events_.empty() ? trimmed_ : events_.back().position;
  }

  void Notify() {
    if (listener_) listener_();
  }

  Mutex mu_;
  std::map<std::string, Image> images_ SR_GUARDED_BY(mu_);
  std::map<std::string, JobRow> jobs_ SR_GUARDED_BY(mu_);
  std::deque<Event> events_ SR_GUARDED_BY(mu_);
  int64_t trimmed_ SR_GUARDED_BY(mu_) = 0;
  std::map<std::pair<std::string, std::string>, KeyRow> keys_ SR_GUARDED_BY(mu_);
  // Holder and end of each.
  std::map<std::string, std::pair<std::string, absl::Time>> leases_ SR_GUARDED_BY(mu_);
  std::function<void()> listener_;
  MemoryApiKeys api_keys_;
  const std::unique_ptr<WebhookStore> webhooks_ = NewMemoryWebhookStore();
};

}  // namespace

std::unique_ptr<MetadataStore> NewMemoryStore() { return std::make_unique<MemoryStore>(); }

}  // namespace stockroom::api
