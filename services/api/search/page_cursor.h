// Page tokens: the place after the last image shown, bound to the query.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace stockroom::api {

// Newest first means descending (nanos, id).
struct PageCursor {
  int64_t nanos = 0;  // create_time since 1970
  std::string id;

  friend auto operator<=>(const PageCursor&, const PageCursor&) = default;
};

std::string EncodePageToken(const PageCursor& cursor, std::string_view query);
// INVALID_ARGUMENT (BAD_PAGE_TOKEN): not a token, or one of another query.
absl::StatusOr<PageCursor> DecodePageToken(std::string_view token, std::string_view query);

}  // namespace stockroom::api
