// Paths and query strings.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace stockroom::http {

enum class Plus { kLiteral, kSpace };

// Decodes once and strictly: INVALID_ARGUMENT for a '%' without two hex digits, and for a result
// that is not UTF-8 or holds control characters. Query values may hold tab and line breaks.
absl::StatusOr<std::string> PercentDecode(std::string_view text, Plus plus = Plus::kLiteral);

// As PercentDecode, for those who only ask whether it would.
absl::Status CheckPercentEncoding(std::string_view text);

// name=value pairs in order; '+' is a space. "a" and "a=" are both ("a", ""). INVALID_ARGUMENT also
// for more than 200 pairs.
absl::StatusOr<std::vector<std::pair<std::string, std::string>>> ParseQuery(std::string_view query);

}  // namespace stockroom::http
