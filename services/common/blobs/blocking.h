// Blocking use of BlobClient, for threads that may block (worker slots, tests, tools).
#pragma once

#include <string>
#include <string_view>

#include "services/common/blobs/blob_client.h"

namespace stockroom {

// The whole blob. OUT_OF_RANGE if it is larger than `max_bytes`; nothing past that is buffered.
absl::StatusOr<std::string> ReadBlob(BlobClient& client, const CallContext& context,
                                     const Digest& digest, int64_t max_bytes);
absl::StatusOr<StoredBlob> WriteBlob(BlobClient& client, const CallContext& context,
                                     std::string_view bytes, PutBlobOptions options = {});
absl::StatusOr<RenditionInfo> WriteRendition(BlobClient& client, const CallContext& context,
                                             RenditionAddress address, std::string_view bytes);
absl::StatusOr<std::string> ReadRendition(BlobClient& client, const CallContext& context,
                                          RenditionAddress address);
absl::StatusOr<BlobPage> ListBlobs(BlobClient& client, const CallContext& context,
                                   ListBlobsOptions options);
absl::Status TouchBlob(BlobClient& client, const CallContext& context, const Digest& digest);
absl::StatusOr<bool> DeleteBlobIfUntouched(BlobClient& client, const CallContext& context,
                                           const ListedBlob& blob);

}  // namespace stockroom
