// Dates as numbers and patterns. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/time/time.h"
#include "services/api/search/query/query.h"

namespace stockroom::api {

// 2020-12-24 is 20201224, so that numbers compare as dates do.
inline constexpr int32_t DateNumber(int year, int month, int day) {
  return year * 10000 + month * 100 + day;
}
// In UTC; years are clamped to 0 to 9999.
int32_t DateNumber(absl::Time time);
// Whether there is such a day, in the years 0 to 9999.
bool IsDateNumber(int64_t number);

bool Matches(const DatePattern& pattern, int32_t date);
// Whether any day matches: not 31-04-*.
bool IsPossible(const DatePattern& pattern);

}  // namespace stockroom::api
