#include "services/common/blobs/blob_types.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "services/common/base/status.h"

namespace stockroom {

absl::StatusOr<ByteRange> ResolveRange(ByteRange range, int64_t size) {
  if (range.offset < 0) return InvalidField("offset", "must not be negative");
  if (range.length < 0) return InvalidField("length", "must not be negative");
  if (range.offset >= size) {
    return MakeStatus(
        absl::StatusCode::kOutOfRange,
        absl::StrCat("the range begins at byte ", range.offset, " of ", size, " bytes"),
        {.reason = "RANGE_PAST_END", .metadata = {{"size", absl::StrCat(size)}}});
  }
  const int64_t left = size - range.offset;
  return ByteRange{range.offset, range.length == 0 ? left : std::min(range.length, left)};
}

absl::Status CheckRenditionKey(std::string_view key) {
  const bool hex = std::all_of(key.begin(), key.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
  });
  if (key.size() != 32 || !hex) return InvalidField("key", "must be 32 lower-case hex digits");
  return absl::OkStatus();
}

absl::Status CheckListing(const ListBlobsOptions& options) {
  if (options.page_size < 1 || options.page_size > kMaxBlobPage) {
    return InvalidField("page_size", "must be 1 to 1000");
  }
  const bool hex = std::all_of(options.cursor.begin(), options.cursor.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
  });
  if (!hex || options.cursor.size() > 2 * Digest::kSize) {
    return InvalidField("cursor", "must be one that the page before gave");
  }
  return absl::OkStatus();
}

}  // namespace stockroom
