// What is recorded about an object of S3Backend, in its own metadata.
//
//   x-amz-meta-sr-sha256, -sr-md5, -sr-size, -sr-crc32c   in hex, the size in decimal
//   x-amz-meta-sr-sums    CRC-32C of each piece (chunk_sums.h), base64; or "object:" and the
//                         SHA-256 of the object about/<aa>/<sha256>/sums that holds them, where
//                         they are too many: S3 takes 2 KB of metadata
//   x-amz-meta-sr-check   the beginning of the SHA-256 of all that
//
// Metadata is written with the bytes, in one request, so neither is ever there without the other.
#pragma once

#include <optional>

#include "absl/status/statusor.h"
#include "services/common/blobs/blob_types.h"
#include "services/common/s3/client.h"
#include "services/fileserver/store/chunk_sums.h"

namespace stockroom::fileserver {

// 768 bytes, 1,024 in base64: things of up to 12 MiB keep their sums with them.
inline constexpr size_t kMostInlineSums = 192;

template <typename Info>
struct S3Record {
  Info info;
  ChunkSums sums;                     // empty if none are recorded, or in an object of their own
  std::optional<Digest> sums_object;  // the SHA-256 of that
};

// More sums than `inline_sums` go elsewhere.
s3::Fields EncodeRecord(const BlobInfo& info, const ChunkSums& sums, size_t inline_sums);
// Without sums if they are too many: it is then verified as a whole.
s3::Fields EncodeRecord(const RenditionInfo& info, const ChunkSums& sums);

// DATA_LOSS (BLOB_DAMAGED) unless it is a whole record, of this digest, that fits the object's size
// and, where that says anything, its ETag.
absl::StatusOr<S3Record<BlobInfo>> DecodeBlobRecord(const s3::ObjectInfo& object,
                                                    const Digest& digest);
absl::StatusOr<S3Record<RenditionInfo>> DecodeRenditionRecord(const s3::ObjectInfo& object);

}  // namespace stockroom::fileserver
