#include "services/common/blobs/care_client.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "services/common/base/status.h"

namespace stockroom {

absl::StatusOr<std::vector<BlobVerdict>> VerifyAll(CareClient& client, const CallContext& context,
                                                   std::span<const Digest> digests, bool full) {
  std::vector<BlobVerdict> all;
  while (!digests.empty()) {
    const size_t asked = std::min<size_t>(digests.size(), kMaxVerified);
    SR_ASSIGN_OR_RETURN(std::vector<BlobVerdict> some,
                        client.VerifyBlobs(context, digests.first(asked), full));
    digests = digests.subspan(some.size());
    std::move(some.begin(), some.end(), std::back_inserter(all));
  }
  return all;
}

}  // namespace stockroom
