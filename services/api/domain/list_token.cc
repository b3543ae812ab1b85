#include "services/api/domain/list_token.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "services/common/base/status.h"

namespace stockroom::api {

absl::StatusOr<std::optional<ListCursor>> CursorOf(const std::string& token) {
  if (token.empty()) return std::nullopt;
  // "<microseconds>.<id>"
  const size_t dot = token.find('.');
  int64_t micros = 0;
  if (dot == std::string::npos || !absl::SimpleAtoi(token.substr(0, dot), &micros)) {
    return InvalidField("page_token", "must be one of the page before");
  }
  return ListCursor{.create_time = absl::FromUnixMicros(micros), .id = token.substr(dot + 1)};
}

std::string TokenOf(const Image& image) {
  return absl::StrCat(absl::ToUnixMicros(image.create_time), ".", image.id);
}

}  // namespace stockroom::api
