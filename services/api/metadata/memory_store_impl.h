// The class behind NewMemoryStore; memory_store*.cc define it, one part each.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "services/api/domain/metadata_store.h"
#include "services/api/metadata/memory_api_keys.h"
#include "services/api/metadata/memory_moderation.h"
#include "services/api/metadata/memory_popularity.h"
#include "services/api/metadata/memory_uploads.h"
#include "services/api/metadata/memory_webhook_store.h"
#include "services/api/metadata/moderation_transitions.h"
#include "services/common/base/ids.h"
#include "services/common/base/mutex.h"

namespace stockroom::api {

class MemoryStore final : public MetadataStore,
                          public ModerationStore,
                          public PopularityStore,
                          public UploadStore {
 public:
  absl::StatusOr<CreatedImage> CreateImage(const NewImage& created, absl::Time now) override;
  absl::StatusOr<int> ImportImages(std::span<const ArchivedImage> images, absl::Time now) override;
  absl::StatusOr<Image> GetImage(const std::string& id) override;
  absl::StatusOr<std::vector<Image>> GetImages(std::span<const std::string> ids) override;
  absl::StatusOr<std::vector<Image>> ListImages(const ListQuery& query) override;
  absl::StatusOr<Usage> UsageOf(const std::string& owner) override;
  absl::StatusOr<ChangedImage> UpdateImage(const std::string& id, absl::Time now,
                                           const std::function<absl::Status(Image&)>& edit,
                                           const std::optional<IdempotentWrite>& once) override;
  absl::StatusOr<ChangedImage> DeleteImage(const std::string& id, absl::Time now,
                                           const std::function<absl::Status(const Image&)>& check,
                                           const std::optional<IdempotentWrite>& once) override;
  absl::StatusOr<std::vector<Digest>> ReferencedAmong(std::span<const Digest> digests) override;

  absl::StatusOr<KeyReservation> ReserveKey(const std::string& owner, const std::string& key,
                                            absl::Time now, absl::Time until) override;
  absl::Status ReleaseKey(const std::string& owner, const std::string& key, int64_t token) override;
  absl::Status AmendAnswer(const std::string& owner, const std::string& key, int64_t token,
                           const std::string& answer) override;
  absl::StatusOr<int> ForgetKeys(absl::Time before, int limit) override;

  absl::StatusOr<std::vector<LeasedJob>> LeaseJobs(const LeaseRequest& request) override;
  absl::StatusOr<std::vector<JobRef>> RenewLeases(std::span<const JobRef> jobs,
                                                  absl::Time lease_until) override;
  absl::StatusOr<Image> CompleteJob(const JobRef& job, const ProcessingResult& result,
                                    absl::Time now) override;
  absl::StatusOr<Image> FailJob(const JobRef& job, FailKind kind, const std::string& reason,
                                absl::Time now) override;
  absl::Status ReleaseJob(const JobRef& job, ReleaseKind kind, absl::Time not_before) override;
  absl::StatusOr<int> ReleaseAllLeases() override;
  absl::StatusOr<int> EnqueueJobs(std::span<const std::string> image_ids,
                                  const EnqueueRequest& request, absl::Time now) override;
  absl::StatusOr<std::vector<std::string>> ListOutdated(const std::string& work_plan,
                                                        const std::string& after,
                                                        int limit) override;
  absl::StatusOr<JobCounts> CountJobs(absl::Time now, int limit) override;
  absl::StatusOr<std::optional<absl::Time>> NextJobTime(absl::Time now) override;

  absl::StatusOr<std::vector<Event>> ReadEvents(int64_t position, int limit) override;
  absl::StatusOr<int> TrimEvents(absl::Time before, int limit) override;
  absl::StatusOr<FeedRange> GetFeedRange() override;
  absl::StatusOr<int64_t> Snapshot(
      const std::function<absl::Status(std::vector<Image>)>& visit) override;
  absl::StatusOr<std::string> CatalogueId() override { return catalogue_id_; }
  absl::StatusOr<bool> TakeLease(const std::string& name, const std::string& holder, absl::Time now,
                                 absl::Duration ttl) override;
  absl::StatusOr<absl::Time> ServerTime() override { return absl::Now(); }

  absl::StatusOr<Added> AddHashes(std::span<const BlockedHash> hashes, int max) override;
  absl::StatusOr<int> RemoveHashes(std::span<const std::string> hashes) override;
  absl::StatusOr<std::vector<BlockedHash>> ListHashes(const std::string& after, int limit) override;
  absl::StatusOr<BlockListRows> ReadBlockList() override;
  absl::StatusOr<SweepState> ReadSweep() override;
  absl::Status MoveSweep(const SweepState& from, const SweepState& to) override;
  absl::StatusOr<std::vector<HashedImage>> ListVisible(const std::string& after,
                                                       int limit) override;
  absl::StatusOr<bool> FlagVisible(const std::string& image_id, const Finding& finding,
                                   absl::Time now) override;
  absl::StatusOr<std::optional<int64_t>> ApprovedVersion(const std::string& image_id) override;
  absl::StatusOr<ChangedImage> Decide(const std::string& image_id, const DecisionRequest& request,
                                      absl::Time now,
                                      const std::optional<IdempotentWrite>& once) override;
  absl::StatusOr<std::vector<Image>> ListHidden(ImageState state, const std::string& before,
                                                int limit) override;
  absl::StatusOr<std::vector<Decision>> ListDecisions(const std::string& image_id,
                                                      const std::string& before,
                                                      int limit) override;
  ModerationStore& moderation() override { return *this; }

  absl::Status AddPopularity(std::span<const Popularity> increments) override;
  absl::StatusOr<Page> ReadPopularity(const Cursor& after, int limit) override;
  PopularityStore& popularity() override { return *this; }

  absl::Status CreateUpload(const DirectUpload& upload, int max_open,
                            const std::optional<IdempotentWrite>& once) override;
  absl::StatusOr<DirectUpload> GetUpload(const std::string& id) override;
  absl::StatusOr<std::vector<DirectUpload>> ListUploads(const std::string& owner,
                                                        const std::string& before,
                                                        int limit) override;
  absl::StatusOr<EndedUpload> EndUpload(const std::string& id, UploadState to,
                                        const std::string& failure, absl::Time now) override;
  absl::StatusOr<std::vector<DirectUpload>> DueUploads(absl::Time now, int limit) override;
  absl::Status PostponeUpload(const std::string& id, absl::Time next) override;
  absl::Status NoteIncomingGone(const std::string& id, absl::Time next) override;
  absl::Status ForgetUpload(const std::string& id) override;
  UploadStore& uploads() override { return *this; }
  ApiKeyStore& api_keys() override { return api_keys_; }
  WebhookStore& webhooks() override { return *webhooks_; }

  void SetCommitListener(std::function<void()> listener) override {
    listener_ = std::move(listener);
  }

 private:
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

  // The owner's image with these bytes: one that has not failed if there is any, else the oldest.
  Image* FindTwin(const NewImage& created) SR_REQUIRES(mu_);

  void InsertJob(const std::string& image_id, const EnqueueRequest& request, absl::Time now)
      SR_REQUIRES(mu_);
  std::map<std::string, JobRow>::iterator JobOf(const std::string& image_id) SR_REQUIRES(mu_);
  bool MoveUp(std::map<std::string, JobRow>::iterator it, JobPriority wanted, absl::Time now)
      SR_REQUIRES(mu_);
  JobRow* Held(const JobRef& ref) SR_REQUIRES(mu_);

  absl::Status CheckReserved(const std::optional<IdempotentWrite>& once) SR_REQUIRES(mu_);
  void StoreAnswer(const std::optional<IdempotentWrite>& once, const Image& image,
                   bool deduplicated) SR_REQUIRES(mu_);

  void Record(const Image& image, const Moderated& moderated, std::optional<int64_t> approved,
              absl::Time now) SR_REQUIRES(mu_);
  void Append(const char* type, const Image& image, absl::Time now, int64_t revision = 0)
      SR_REQUIRES(mu_);
  int64_t LastPosition() const SR_REQUIRES(mu_);
  void Notify() {
    if (listener_) listener_();
  }

  const std::string catalogue_id_ = NewUuidV7(absl::Now());

  Mutex mu_;
  std::map<std::string, Image> images_ SR_GUARDED_BY(mu_);
  // Their order is that of leasing.
  std::map<std::string, JobRow> jobs_ SR_GUARDED_BY(mu_);
  std::deque<Event> events_ SR_GUARDED_BY(mu_);
  int64_t trimmed_ SR_GUARDED_BY(mu_) = 0;
  std::map<std::pair<std::string, std::string>, KeyRow> keys_ SR_GUARDED_BY(mu_);
  // Holder and end of each.
  std::map<std::string, std::pair<std::string, absl::Time>> leases_ SR_GUARDED_BY(mu_);
  MemoryModeration moderation_ SR_GUARDED_BY(mu_);
  MemoryPopularity popularity_ SR_GUARDED_BY(mu_);
  MemoryUploads uploads_ SR_GUARDED_BY(mu_);
  std::function<void()> listener_;
  MemoryApiKeys api_keys_;
  const std::unique_ptr<WebhookStore> webhooks_ = NewMemoryWebhookStore();
};

}  // namespace stockroom::api
