// The nouns of blob_types.h as protocol messages, for both ends of BlobService.
#pragma once

#include "absl/status/statusor.h"
#include "services/common/blobs/blob_types.h"
#include "stockroom/internal/blobs.pb.h"

namespace stockroom {

// Longest chunk in one message.
inline constexpr size_t kMaxChunkBytes = 1 << 20;

internal::BlobInfo ToWire(const BlobInfo& info);
internal::RenditionInfo ToWire(const RenditionInfo& info);
internal::RenditionAddress ToWire(const RenditionAddress& address);
internal::ListBlobsResponse ToWire(const BlobPage& page);

// INVALID_ARGUMENT for digests of another length than 32 bytes and malformed keys.
absl::StatusOr<BlobInfo> FromWire(const internal::BlobInfo& info);
absl::StatusOr<RenditionInfo> FromWire(const internal::RenditionInfo& info);
absl::StatusOr<BlobPage> FromWire(const internal::ListBlobsResponse& page);
absl::StatusOr<RenditionAddress> FromWire(const internal::RenditionAddress& address);

}  // namespace stockroom
