// Looking after what a file server keeps, as the api sees it. Semantics and errors:
// proto/stockroom/internal/care.proto.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "services/common/base/call_context.h"
#include "services/common/blobs/care_types.h"

namespace stockroom {

// Thread-safe. Every call blocks until it is answered or the context ends: from an executor only.
class CareClient {
 public:
  virtual ~CareClient() = default;

  virtual absl::StatusOr<ScrubStatus> GetScrubStatus(const CallContext& context) = 0;
  virtual absl::StatusOr<ScrubStatus> StartScrub(const CallContext& context,
                                                 int64_t bytes_per_second) = 0;
  virtual absl::StatusOr<QuarantinedPage> ListQuarantined(const CallContext& context,
                                                          const std::string& cursor,
                                                          int page_size) = 0;
  virtual absl::StatusOr<StoredPage> ListStored(const CallContext& context,
                                                const std::string& cursor, int page_size) = 0;
  // In the order of `digests`; may be of fewer, at least one.
  virtual absl::StatusOr<std::vector<BlobVerdict>> VerifyBlobs(const CallContext& context,
                                                               std::span<const Digest> digests,
                                                               bool full) = 0;
  virtual absl::StatusOr<DiskUsage> GetDiskUsage(const CallContext& context) = 0;
};

// VerifyBlobs for all of `digests`, however many calls that takes.
absl::StatusOr<std::vector<BlobVerdict>> VerifyAll(CareClient& client, const CallContext& context,
                                                   std::span<const Digest> digests, bool full);

}  // namespace stockroom
