// CareClient over gRPC, to a file server.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "services/common/blobs/care_client.h"
#include "services/common/rpc/tls.h"

namespace stockroom {

// Thread-safe. Connects when first used; a call that finds no connection fails with
// UNAVAILABLE.
class RemoteCareClient final : public CareClient {
 public:
  struct Options {
    std::string target;  // host:port, or a gRPC name
    rpc::PeerTls tls;
  };
  explicit RemoteCareClient(const Options& options);
  ~RemoteCareClient() override;

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
  class Stub;
  const std::unique_ptr<Stub> stub_;
};

}  // namespace stockroom
