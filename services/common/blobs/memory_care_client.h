// CareClient in memory: the twin of RemoteCareClient, for tests.
#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "services/common/base/mutex.h"
#include "services/common/blobs/care_client.h"

namespace stockroom {

// Thread-safe. What is there is told to it.
class MemoryCareClient final : public CareClient {
 public:
  // A digest that is not told of is missing.
  void Set(const BlobVerdict& verdict, absl::Time touched = absl::UnixEpoch());
  void SetRenditionsOnly(const Digest& digest);
  void Remove(const Digest& digest);
  void AddQuarantined(const QuarantinedBlob& blob);
  // As a server that has read enough for one VerifyBlobs. 7 unless it is told.
  void AnswerAtMost(size_t verdicts);
  // Runs before each VerifyBlobs, for what happens meanwhile.
  void BeforeVerify(std::function<void()> hook);

  absl::StatusOr<ScrubStatus> GetScrubStatus(const CallContext& context) override;
  absl::StatusOr<ScrubStatus> StartScrub(const CallContext& context,
                                         int64_t bytes_per_second) override;
  absl::StatusOr<QuarantinedPage> ListQuarantined(const CallContext& context,
                                                  const std::string& cursor,
                                                  int page_size) override;
  absl::StatusOr<StoredPage> ListStored(const CallContext& context, const std::string& cursor,
                                        int page_size) override;
  absl::StatusOr<std::vector<BlobVerdict>> VerifyBlobs(const CallContext& context,
                                                       std::span<const Digest> digests,
                                                       bool full) override;
  absl::StatusOr<DiskUsage> GetDiskUsage(const CallContext& context) override;

 private:
  Mutex mu_;
  std::function<void()> hook_ SR_GUARDED_BY(mu_);
  size_t at_most_ SR_GUARDED_BY(mu_) = 7;
  std::map<Digest, BlobVerdict> blobs_ SR_GUARDED_BY(mu_);
  std::map<Digest, StoredThing> things_ SR_GUARDED_BY(mu_);
  std::map<std::string, QuarantinedBlob> quarantined_ SR_GUARDED_BY(mu_);
  ScrubStatus scrub_ SR_GUARDED_BY(mu_) = {.state = ScrubStatus::State::kWaiting};
};

}  // namespace stockroom
