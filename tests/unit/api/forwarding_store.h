// A MetadataStore that passes everything on; for decorators that change some of it.
#pragma once

#include "services/api/domain/metadata_store.h"

namespace stockroom::api {

class ForwardingStore : public MetadataStore {
 public:
  explicit ForwardingStore(MetadataStore& inner) : inner_(inner) {}

  absl::StatusOr<CreatedImage> CreateImage(const NewImage& image, absl::Time now) override {
    return inner_.CreateImage(image, now);
  }
  absl::StatusOr<Image> GetImage(const std::string& id) override { return inner_.GetImage(id); }
  absl::StatusOr<std::vector<Image>> GetImages(std::span<const std::string> ids) override {
    return inner_.GetImages(ids);
  }
  absl::StatusOr<std::vector<Image>> ListImages(const ListQuery& query) override {
    return inner_.ListImages(query);
  }
  absl::StatusOr<ChangedImage> UpdateImage(const std::string& id, absl::Time now,
                                           const std::function<absl::Status(Image&)>& edit,
                                           const std::optional<IdempotentWrite>& once) override {
    return inner_.UpdateImage(id, now, edit, once);
  }
  absl::StatusOr<ChangedImage> DeleteImage(const std::string& id, absl::Time now,
                                           const std::function<absl::Status(const Image&)>& check,
                                           const std::optional<IdempotentWrite>& once) override {
    return inner_.DeleteImage(id, now, check, once);
  }
  absl::StatusOr<int> ImportImages(std::span<const ArchivedImage> images, absl::Time now) override {
    return inner_.ImportImages(images, now);
  }
  absl::StatusOr<std::vector<Digest>> ReferencedAmong(std::span<const Digest> digests) override {
    return inner_.ReferencedAmong(digests);
  }
  absl::StatusOr<Usage> UsageOf(const std::string& owner) override { return inner_.UsageOf(owner); }
  ApiKeyStore& api_keys() override { return inner_.api_keys(); }
  absl::StatusOr<KeyReservation> ReserveKey(const std::string& owner, const std::string& key,
                                            absl::Time now, absl::Time until) override {
    return inner_.ReserveKey(owner, key, now, until);
  }
  absl::Status ReleaseKey(const std::string& owner, const std::string& key,
                          int64_t token) override {
    return inner_.ReleaseKey(owner, key, token);
  }
  absl::Status AmendAnswer(const std::string& owner, const std::string& key, int64_t token,
                           const std::string& answer) override {
    return inner_.AmendAnswer(owner, key, token, answer);
  }
  absl::StatusOr<int> ForgetKeys(absl::Time before, int limit) override {
    return inner_.ForgetKeys(before, limit);
  }
  absl::StatusOr<std::vector<LeasedJob>> LeaseJobs(const LeaseRequest& request) override {
    return inner_.LeaseJobs(request);
  }
  absl::StatusOr<std::vector<JobRef>> RenewLeases(std::span<const JobRef> jobs,
                                                  absl::Time lease_until) override {
    return inner_.RenewLeases(jobs, lease_until);
  }
  absl::StatusOr<Image> CompleteJob(const JobRef& job, const ProcessingResult& result,
                                    absl::Time now) override {
    return inner_.CompleteJob(job, result, now);
  }
  absl::StatusOr<Image> FailJob(const JobRef& job, FailKind kind, const std::string& reason,
                                absl::Time now) override {
    return inner_.FailJob(job, kind, reason, now);
  }
  absl::Status ReleaseJob(const JobRef& job, ReleaseKind kind, absl::Time not_before) override {
    return inner_.ReleaseJob(job, kind, not_before);
  }
  absl::StatusOr<int> ReleaseAllLeases() override { return inner_.ReleaseAllLeases(); }
  absl::StatusOr<int> EnqueueJobs(std::span<const std::string> image_ids,
                                  const EnqueueRequest& request, absl::Time now) override {
    return inner_.EnqueueJobs(image_ids, request, now);
  }
  absl::StatusOr<std::vector<std::string>> ListOutdated(const std::string& work_plan,
                                                        const std::string& after,
                                                        int limit) override {
    return inner_.ListOutdated(work_plan, after, limit);
  }
  absl::StatusOr<JobCounts> CountJobs(absl::Time now, int most) override {
    return inner_.CountJobs(now, most);
  }
  absl::StatusOr<std::optional<absl::Time>> NextJobTime(absl::Time now) override {
    return inner_.NextJobTime(now);
  }
  absl::StatusOr<std::vector<Event>> ReadEvents(int64_t position, int limit) override {
    return inner_.ReadEvents(position, limit);
  }
  absl::StatusOr<int> TrimEvents(absl::Time before, int limit) override {
    return inner_.TrimEvents(before, limit);
  }
  absl::StatusOr<FeedRange> GetFeedRange() override { return inner_.GetFeedRange(); }
  absl::StatusOr<std::string> CatalogueId() override { return inner_.CatalogueId(); }
  absl::StatusOr<int64_t> Snapshot(
      const std::function<absl::Status(std::vector<Image>)>& visit) override {
    return inner_.Snapshot(visit);
  }
  absl::StatusOr<bool> TakeLease(const std::string& name, const std::string& holder, absl::Time now,
                                 absl::Duration ttl) override {
    return inner_.TakeLease(name, holder, now, ttl);
  }
  absl::StatusOr<absl::Time> ServerTime() override { return inner_.ServerTime(); }
  WebhookStore& webhooks() override { return inner_.webhooks(); }
  ModerationStore& moderation() override { return inner_.moderation(); }
  PopularityStore& popularity() override { return inner_.popularity(); }
  UploadStore& uploads() override { return inner_.uploads(); }
  void SetCommitListener(std::function<void()> listener) override {
    inner_.SetCommitListener(std::move(listener));
  }

 protected:
  MetadataStore& inner_;
};

}  // namespace stockroom::api
