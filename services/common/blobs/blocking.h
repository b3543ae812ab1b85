// Blocking use of BlobClient and IncomingClient, for threads that may block (worker slots, tests,
// tools).
#pragma once

#include <string>
#include <string_view>

#include "services/common/blobs/blob_client.h"
#include "services/common/blobs/incoming_client.h"

namespace stockroom {

// The whole blob. OUT_OF_RANGE if it is larger than `max_bytes`; nothing past that is buffered.
absl::StatusOr<std::string> ReadBlob(BlobClient& client, const CallContext& context,
                                     const Digest& digest, int64_t max_bytes);
// A range of it; `size` becomes that of the whole. Give `range` a length: all of it is buffered.
absl::StatusOr<std::string> ReadBlobRange(BlobClient& client, const CallContext& context,
                                          const Digest& digest, ByteRange range, int64_t& size);
absl::StatusOr<StoredBlob> WriteBlob(BlobClient& client, const CallContext& context,
                                     std::string_view bytes, PutBlobOptions options = {});
absl::StatusOr<RenditionInfo> WriteRendition(BlobClient& client, const CallContext& context,
                                             RenditionAddress address, std::string_view bytes);
// The largest rendition that a file server can be configured to keep.
inline constexpr int64_t kMaxStoredRendition = int64_t{1} << 30;
absl::StatusOr<std::string> ReadRendition(BlobClient& client, const CallContext& context,
                                          RenditionAddress address,
                                          int64_t max_bytes = kMaxStoredRendition);
absl::StatusOr<BlobPage> ListBlobs(BlobClient& client, const CallContext& context,
                                   ListBlobsOptions options);
absl::Status TouchBlob(BlobClient& client, const CallContext& context, const Digest& digest);
absl::StatusOr<bool> DeleteBlobIfUntouched(BlobClient& client, const CallContext& context,
                                           const ListedBlob& blob);
absl::StatusOr<IncomingTicket> CreateIncoming(IncomingClient& client, const CallContext& context,
                                              IncomingSpec spec);
absl::StatusOr<IncomingInfo> StatIncoming(IncomingClient& client, const CallContext& context,
                                          const std::string& id);
absl::StatusOr<IncomingBlob> CompleteIncoming(IncomingClient& client, const CallContext& context,
                                              const std::string& id);
absl::Status RemoveIncoming(IncomingClient& client, const CallContext& context,
                            const std::string& id);
absl::StatusOr<std::string> SignBlobUrl(IncomingClient& client, const CallContext& context,
                                        BlobUrlSpec spec);

}  // namespace stockroom
