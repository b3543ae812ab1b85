// Dates in queries: 24-12-2020, parts may be *, or 2020-12-24.
#pragma once

#include <string>
#include <string_view>

#include "services/api/search/query_parser.h"

namespace stockroom::api {

// On failure `error` says what is wrong, for a person.
std::optional<DatePattern> ParseDatePattern(std::string_view text, std::string& error);

}  // namespace stockroom::api
