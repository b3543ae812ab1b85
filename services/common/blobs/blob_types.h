// The nouns of the byte protocol, shared by its clients and the file server.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/common/base/digest.h"

namespace stockroom {

struct BlobInfo {
  Digest sha256;
  std::string md5;  // 16 bytes
  int64_t size = 0;
  std::optional<uint32_t> crc32c;  // of the payload; unknown of what older versions stored
};

struct StoredBlob {
  BlobInfo info;
  bool existed = false;  // the store held these bytes before
};

struct RenditionInfo {
  Digest sha256;  // of the rendition's own bytes: its ETag
  int64_t size = 0;
};

struct RenditionAddress {
  Digest original;
  std::string key;  // 32 lower-case hex digits, see services/common/recipe
};

struct ByteRange {
  int64_t offset = 0;
  int64_t length = 0;  // 0: to the end
};

struct PutBlobOptions {
  int64_t max_bytes = 0;  // 0: the server's own limit
  std::optional<Digest> expected_sha256;
};

inline constexpr int kMaxBlobPage = 1000;

struct ListBlobsOptions {
  // Only originals whose last touch is at least so long ago.
  absl::Duration untouched_for;
  std::string cursor;   // BlobPage::next_cursor of the page before; empty: from the beginning
  int page_size = 500;  // 1 to kMaxBlobPage
};

struct ListedBlob {
  Digest sha256;
  int64_t size = 0;   // 0 when only renditions are left
  std::string stamp;  // names the last touch; opaque
};

// May be empty although more come.
struct BlobPage {
  std::vector<ListedBlob> blobs;
  std::string next_cursor;  // empty after the last page
  // The server lists nothing for so much longer: it does not know yet what was touched.
  absl::Duration quiet_for;
};

// `range` cut to a thing of `size` bytes: its length is then never 0 and never past the end.
// INVALID_ARGUMENT if negative, OUT_OF_RANGE if it begins at or past the end.
absl::StatusOr<ByteRange> ResolveRange(ByteRange range, int64_t size);

// INVALID_ARGUMENT unless 32 lower-case hex digits: keys become file names.
absl::Status CheckRenditionKey(std::string_view key);

// INVALID_ARGUMENT for a page size out of bounds, or a cursor that is neither empty nor at most 64
// lower-case hex digits.
absl::Status CheckListing(const ListBlobsOptions& options);

}  // namespace stockroom
