#include "services/api/search/query/date.h"

#include <algorithm>

#include "absl/time/civil_time.h"

namespace stockroom::api {
namespace {

constexpr int kMaxYear = 9999;

// `year` 0: any.
int DaysOf(int month, int year) {
  if (month == 0) return 31;
  if (month == 2) {
    const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return leap ? 29 : 28;
  }
  return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

}  // namespace

int32_t DateNumber(absl::Time time) {
  const absl::CivilDay day = absl::ToCivilDay(time, absl::UTCTimeZone());
  const auto year = static_cast<int>(std::clamp<int64_t>(day.year(), 0, kMaxYear));
  return DateNumber(year, day.month(), day.day());
}

bool IsDateNumber(int64_t number) {
  if (number < 0 || number > DateNumber(kMaxYear, 12, 31)) return false;
  const auto day = static_cast<int>(number % 100);
  const auto month = static_cast<int>(number / 100 % 100);
  const auto year = static_cast<int>(number / 10000);
  return month >= 1 && month <= 12 && day >= 1 && day <= DaysOf(month, year);
}

bool Matches(const DatePattern& pattern, int32_t date) {
  return (pattern.day == 0 || pattern.day == date % 100) &&
         (pattern.month == 0 || pattern.month == date / 100 % 100) &&
         (pattern.year == 0 || pattern.year == date / 10000);
}

bool IsPossible(const DatePattern& pattern) {
  return pattern.year >= 0 && pattern.year <= kMaxYear && pattern.month >= 0 &&
         pattern.month <= 12 && pattern.day >= 0 &&
         pattern.day <= DaysOf(pattern.month, pattern.year);
}

}  // namespace stockroom::api
