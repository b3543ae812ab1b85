// What a stored file records about itself, behind its payload.
//
// Behind, not before: the file is written in one pass, its payload begins at offset 0 (sendfile,
// and an operator's eyes), and the very sync that makes the payload durable makes the footer
// durable, with no second file or extended attribute that could be lost on its own.
//
//   blob:       sums(4 for each 64 KiB of payload, chunk_sums.h)
//               "SRBLOB2\n"  size(8)  md5(16)  sha256(32)  crc32c(4)  check(8)     76 bytes
//   rendition:  sums
//               "SRREND2\n"  size(8)           sha256(32)             check(8)     56 bytes
//
// Numbers are little-endian. `check` is the beginning of the SHA-256 of the footer before it, sums
// included. The first version ("SRBLOB1\n", "SRREND1\n", without sums and crc32c) is still read.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "services/common/blobs/blob_types.h"
#include "services/fileserver/store/chunk_sums.h"

namespace stockroom::fileserver {

// INTERNAL unless `sums` fit info.size and, of a blob, md5 and crc32c are there.
absl::StatusOr<std::string> EncodeFooter(const BlobInfo& info, const ChunkSums& sums);
absl::StatusOr<std::string> EncodeFooter(const RenditionInfo& info, const ChunkSums& sums);

template <typename Info>
struct Footer {
  Info info;
  ChunkSums sums;  // empty: a file of the first version
};

// How many bytes to read from the end of a file at first: enough for the whole footer of a payload
// of 60 MiB.
inline constexpr int64_t kFooterTailBytes = 4096;

// The length of the footer that ends a file of `file_size` bytes, seen by its last bytes (all, or
// at least 76). DATA_LOSS if there is none that fits the file.
template <typename Info>
absl::StatusOr<int64_t> FooterBytes(std::string_view tail, int64_t file_size);

// `footer` is exactly what FooterBytes measured. DATA_LOSS when it is damaged.
template <typename Info>
absl::StatusOr<Footer<Info>> DecodeFooter(std::string_view footer);

// The payload of a blob's file of this length; of one of the first version a little more or less.
int64_t BlobPayloadBytes(int64_t file_size);

}  // namespace stockroom::fileserver
