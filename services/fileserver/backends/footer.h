// What a stored file records about itself, behind its payload.
//
// Behind, not before: the file is written in one pass, its payload begins at offset 0 (sendfile,
// and an operator's eyes), and the very sync that makes the payload durable makes the footer
// durable, with no second file or extended attribute that could be lost on its own.
//
//   blob:       "SRBLOB1\n"  size(8, little-endian)  md5(16)  sha256(32)  check(8)    72 bytes
//   rendition:  "SRREND1\n"  size(8, little-endian)           sha256(32)  check(8)    56 bytes
//
// `check` is the beginning of the SHA-256 of the footer before it.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "services/common/blobs/blob_types.h"

namespace stockroom::fileserver {

inline constexpr size_t kBlobFooterBytes = 72;
inline constexpr size_t kRenditionFooterBytes = 56;

std::string EncodeFooter(const BlobInfo& info);
std::string EncodeFooter(const RenditionInfo& info);

// DATA_LOSS unless it is a footer, undamaged.
absl::StatusOr<BlobInfo> DecodeBlobFooter(std::string_view footer);
absl::StatusOr<RenditionInfo> DecodeRenditionFooter(std::string_view footer);

}  // namespace stockroom::fileserver
