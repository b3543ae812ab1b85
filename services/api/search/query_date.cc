#include "services/api/search/query_date.h"

#include <algorithm>
#include <array>

#include "absl/time/civil_time.h"

namespace stockroom::api {
namespace {

constexpr char kShape[] =
    "expected day-month-year such as 24-12-2020 (parts of date: may be *) or 2020-12-24";

// -1: not a number of at most `digits` digits.
int Number(std::string_view part, size_t digits) {
  if (part == "*") return 0;
  if (part.empty() || part.size() > digits) return -1;
  int value = 0;
  for (const char c : part) {
    if (c < '0' || c > '9') return -1;
    value = value * 10 + (c - '0');
  }
  // 0 stands for any, so it is not a part that may be written.
  return value == 0 ? -1 : value;
}

int DaysOf(int month, int year) {
  if (month == 0) return 31;
  if (month == 2) {
    const bool leap = year == 0 || (year % 4 == 0 && (year % 100 != 0 || year % 400 == 0));
    return leap ? 29 : 28;
  }
  return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

}  // namespace

std::optional<DatePattern> ParseDatePattern(std::string_view text, std::string& error) {
  const size_t first = text.find('-');
  const size_t second = first == std::string_view::npos ? first : text.find('-', first + 1);
  if (second == std::string_view::npos) {
    error = kShape;
    return std::nullopt;
  }
  std::array<std::string_view, 3> parts = {
      text.substr(0, first), text.substr(first + 1, second - first - 1), text.substr(second + 1)};
  if (parts[0].size() == 4) std::swap(parts[0], parts[2]);
  const DatePattern date{
      .day = Number(parts[0], 2), .month = Number(parts[1], 2), .year = Number(parts[2], 4)};
  if (date.day < 0 || date.month < 0 || date.year < 0) {
    error = kShape;
  } else if (date.year != 0 && parts[2].size() != 4) {
    error = "a year has four digits";
  } else if (date.month > 12) {
    error = "there are only 12 months; day and month may be swapped";
  } else if (date.day > DaysOf(date.month, date.year)) {
    error = "that month has no such day";
  }
  if (!error.empty()) return std::nullopt;
  return date;
}

int32_t DateNumber(absl::Time time) {
  const absl::CivilDay day = absl::ToCivilDay(time, absl::UTCTimeZone());
  const auto year = static_cast<int>(std::clamp<int64_t>(day.year(), 0, 9999));
  return DateNumber(year, day.month(), day.day());
}

bool Matches(const DatePattern& pattern, int32_t date) {
  return (pattern.day == 0 || pattern.day == date % 100) &&
         (pattern.month == 0 || pattern.month == date / 100 % 100) &&
         (pattern.year == 0 || pattern.year == date / 10000);
}

}  // namespace stockroom::api
