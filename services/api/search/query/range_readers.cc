// Numbers and dates: the intervals that people mean by them.
#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>

#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "services/api/search/query/date.h"
#include "services/api/search/query/field_table.h"
#include "services/common/base/status.h"

namespace stockroom::api {
namespace {

using Wide = __int128;

constexpr int64_t kOpenMin = std::numeric_limits<int64_t>::min();
constexpr int64_t kOpenMax = std::numeric_limits<int64_t>::max();
// Eighteen digits: whatever is made of them fits.
constexpr int64_t kMaxAmount = 999'999'999'999'999'999;
constexpr size_t kMaxDigits = 18;
// 0000-01-01 to the end of 9999.
constexpr int64_t kFirstUs = -62167219200'000000;
constexpr int64_t kLastUs = 253402300799'999999;

constexpr char kDateShape[] =
    "expected a date such as 2020-12-24, 2020-12, 2020 or 24-12-2020 (parts of date: may be *)";

// What a value says as one end of a range, and by itself ("about": all that rounds to it, or the
// whole period).
struct Amount {
  int64_t at_least = 0;
  int64_t at_most = 0;
  int64_t above = 0;
  int64_t below = 0;
  int64_t first = 0;
  int64_t last = 0;
};

bool IsDigits(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// Of at most nine digits.
int NumberOf(std::string_view digits) {
  int value = 0;
  for (const char c : digits) value = value * 10 + (c - '0');
  return value;
}

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// 0: no such unit.
int64_t BytesOf(std::string_view unit) {
  struct Unit {
    std::string_view name;
    int64_t bytes;
  };
  static constexpr Unit kUnits[] = {
      {"", 1},          {"b", 1},         {"kb", 1'000},   {"mb", 1'000'000}, {"gb", 1'000'000'000},
      {"kib", 1 << 10}, {"mib", 1 << 20}, {"gib", 1 << 30}};
  std::string lower;
  for (const char c : unit.substr(0, 4)) lower += Lower(c);
  for (const Unit& known : kUnits) {
    if (known.name == lower) return known.bytes;
  }
  return 0;
}

// What one unit of the text is, 0 if there is no such unit.
int64_t UnitOf(NumberField field, std::string_view unit) {
  if (field == NumberField::kBytes) return BytesOf(unit);
  if (!unit.empty()) return 0;
  return field == NumberField::kPixels ? 1'000'000 : 1;
}

Wide CeilOf(Wide numerator, Wide denominator) {  // not negative, positive
  return (numerator + denominator - 1) / denominator;
}

absl::StatusOr<Amount> ReadNumber(const FieldInfo& field, std::string_view text) {
  const auto number = static_cast<NumberField>(field.which);
  const auto fault = [&] {
    return ValueFault("QUERY_BAD_NUMBER", "expected a number, as in " + std::string(field.example));
  };
  size_t end = 0;
  while (end < text.size() && ((text[end] >= '0' && text[end] <= '9') || text[end] == '.')) ++end;
  const int64_t unit = UnitOf(number, text.substr(end));
  const std::string_view digits = text.substr(0, end);
  const size_t point = digits.find('.');
  const std::string_view whole = digits.substr(0, point);
  const std::string_view fraction =
      point == std::string_view::npos ? std::string_view() : digits.substr(point + 1);
  const bool has_point = point != std::string_view::npos;
  if (unit == 0 && number == NumberField::kBytes && IsDigits(whole)) {
    return ValueFault("QUERY_BAD_NUMBER",
                      "a size is in bytes, or in kb, mb, gb (1,000 each), kib, mib or gib (1,024)");
  }
  if (unit == 0 || !IsDigits(whole) || (has_point && !IsDigits(fraction))) return fault();
  if (has_point && unit == 1) return fault();
  if (whole.size() + fraction.size() > kMaxDigits) {
    return ValueFault("QUERY_BAD_NUMBER", "a number may have 18 digits");
  }
  Wide value = 0;
  Wide scale = 1;
  for (const char c : whole) value = value * 10 + (c - '0');
  for (const char c : fraction) {
    value = value * 10 + (c - '0');
    scale *= 10;
  }
  const Wide exact = value * unit;
  if (exact / scale > kMaxAmount) return ValueFault("QUERY_BAD_NUMBER", "the number is too large");
  Amount amount;
  amount.at_least = static_cast<int64_t>(CeilOf(exact, scale));
  amount.at_most = static_cast<int64_t>(exact / scale);
  amount.above = amount.at_most + 1;
  amount.below = amount.at_least - 1;
  // Half a step of the last digit to either side.
  amount.first = static_cast<int64_t>(CeilOf(std::max<Wide>(2 * exact - unit, 0), 2 * scale));
  amount.last =
      static_cast<int64_t>(std::min<Wide>(CeilOf(2 * exact + unit, 2 * scale) - 1, kMaxAmount));
  return amount;
}

// Takes a number of `min_digits` to `max_digits` off the front; -1 if there is none.
int TakeNumber(std::string_view& text, size_t min_digits, size_t max_digits) {
  size_t end = 0;
  while (end < text.size() && end < max_digits && text[end] >= '0' && text[end] <= '9') ++end;
  if (end < min_digits) return -1;
  const int value = NumberOf(text.substr(0, end));
  text.remove_prefix(end);
  return value;
}

bool Take(std::string_view& text, char c) {
  if (text.empty() || Lower(text.front()) != c) return false;
  text.remove_prefix(1);
  return true;
}

// Its first microsecond and the one after its last.
struct Period {
  absl::Time begin;
  absl::Time end;
};

absl::StatusOr<Period> ReadTimeOfDay(absl::CivilDay day, std::string_view text) {
  const auto fault = [] {
    return ValueFault("QUERY_BAD_DATE",
                      "expected a time (UTC) such as 2020-12-24T18:30 or T18:30:05Z");
  };
  const int hour = TakeNumber(text, 2, 2);
  const int minute = Take(text, ':') ? TakeNumber(text, 2, 2) : -1;
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59) return fault();
  const absl::TimeZone utc = absl::UTCTimeZone();
  absl::Time begin = absl::FromCivil(absl::CivilMinute(day) + hour * 60 + minute, utc);
  absl::Duration step = absl::Minutes(1);
  if (Take(text, ':')) {
    const int second = TakeNumber(text, 2, 2);
    if (second < 0 || second > 59) return fault();
    begin += absl::Seconds(second);
    step = absl::Seconds(1);
    if (Take(text, '.')) {
      size_t digits = text.size();
      const int fraction = TakeNumber(text, 1, 6);
      if (fraction < 0) return fault();
      digits -= text.size();
      for (size_t i = 0; i < digits; ++i) step /= 10;
      begin += fraction * step;
    }
  }
  Take(text, 'z');
  if (!text.empty()) return fault();
  return Period{begin, begin + step};
}

absl::Status CheckDay(int year, int month, int day) {
  if (month < 1 || month > 12) {
    return ValueFault("QUERY_BAD_DATE", "there are only 12 months; day and month may be swapped");
  }
  if (!IsDateNumber(DateNumber(year, month, day))) {
    return ValueFault("QUERY_BAD_DATE", "that month has no such day");
  }
  return absl::OkStatus();
}

// 2020, 2020-12, 2020-12-24, 2020-12-24T18:30, 24-12-2020.
absl::StatusOr<Period> ReadPeriod(std::string_view text, bool with_time) {
  const auto fault = [] { return ValueFault("QUERY_BAD_DATE", kDateShape); };
  const absl::TimeZone utc = absl::UTCTimeZone();
  const auto days = [&](absl::CivilDay begin, absl::CivilDay end) {
    return Period{absl::FromCivil(begin, utc), absl::FromCivil(end, utc)};
  };
  int year = TakeNumber(text, 4, 4);
  if (year < 0) {
    const int day = TakeNumber(text, 1, 2);
    const int month = day >= 0 && Take(text, '-') ? TakeNumber(text, 1, 2) : -1;
    year = month >= 0 && Take(text, '-') ? TakeNumber(text, 4, 4) : -1;
    if (year < 0 || !text.empty()) return fault();
    SR_RETURN_IF_ERROR(CheckDay(year, month, day));
    return days(absl::CivilDay(year, month, day), absl::CivilDay(year, month, day) + 1);
  }
  if (text.empty()) return days(absl::CivilDay(year), absl::CivilDay(year + 1));
  const int month = Take(text, '-') ? TakeNumber(text, 1, 2) : -1;
  if (month < 0) return fault();
  if (text.empty()) {
    SR_RETURN_IF_ERROR(CheckDay(year, month, 1));
    return days(absl::CivilDay(year, month), absl::CivilDay(absl::CivilMonth(year, month) + 1));
  }
  const int day = Take(text, '-') ? TakeNumber(text, 1, 2) : -1;
  if (day < 0) return fault();
  SR_RETURN_IF_ERROR(CheckDay(year, month, day));
  const absl::CivilDay date(year, month, day);
  if (text.empty()) return days(date, date + 1);
  if (!Take(text, 't')) return fault();
  if (!with_time) return ValueFault("QUERY_BAD_DATE", "only created: knows the time of day");
  return ReadTimeOfDay(date, text);
}

absl::StatusOr<Amount> ReadTime(const FieldInfo& field, std::string_view text) {
  const auto number = static_cast<NumberField>(field.which);
  SR_ASSIGN_OR_RETURN(const Period period, ReadPeriod(text, number == NumberField::kCreated));
  const int64_t first = absl::ToUnixMicros(period.begin);
  const int64_t last = absl::ToUnixMicros(period.end) - 1;
  const auto bound = [&](int64_t us) -> int64_t {
    return number == NumberField::kCreated ? us : DateNumber(absl::FromUnixMicros(us));
  };
  // One outside of what there is says so; see ReadComparison.
  return Amount{.at_least = bound(first),
                .at_most = bound(last),
                .above = last >= kLastUs ? kOpenMax : bound(last + 1),
                .below = first <= kFirstUs ? kOpenMin : bound(first - 1),
                .first = bound(first),
                .last = bound(last)};
}

bool IsTime(NumberField field) {
  return field == NumberField::kTaken || field == NumberField::kDate ||
         field == NumberField::kCreated;
}

absl::StatusOr<Amount> ReadAmount(const FieldInfo& field, std::string_view text) {
  if (IsTime(static_cast<NumberField>(field.which))) return ReadTime(field, text);
  return ReadNumber(field, text);
}

absl::StatusOr<QueryNode> RangeOf(const FieldInfo& field, int64_t min, int64_t max) {
  const RangeNode range{static_cast<NumberField>(field.which), min, max};
  SR_RETURN_IF_ERROR(CheckRange(range));
  return QueryNode{range};
}

absl::Status EmptyRange(const FieldInfo& field) {
  return ValueFault("QUERY_BAD_RANGE", "nothing is in this range; a range is written as in " +
                                           std::string(field.example));
}

bool TakeComparison(std::string_view& text, Comparison& comparison) {
  struct Sign {
    std::string_view text;
    Comparison comparison;
  };
  static constexpr Sign kSigns[] = {{">=", Comparison::kAtLeast},
                                    {"<=", Comparison::kAtMost},
                                    {">", Comparison::kMore},
                                    {"<", Comparison::kLess}};
  for (const Sign& sign : kSigns) {
    if (text.substr(0, sign.text.size()) != sign.text) continue;
    text.remove_prefix(sign.text.size());
    comparison = sign.comparison;
    return true;
  }
  return false;
}

// As `date:` always had them: parts may be *, a whole date is a pattern, too.
bool IsPattern(std::string_view text) {
  return text.find('*') != std::string_view::npos || std::count(text.begin(), text.end(), '-') == 2;
}

// -1: neither * nor a number of at most `digits` digits; 0 stands for any, so may not be written.
int PatternPart(std::string_view part, size_t digits) {
  if (part == "*") return 0;
  if (!IsDigits(part) || part.size() > digits) return -1;
  const int value = NumberOf(part);
  return value == 0 ? -1 : value;
}

absl::StatusOr<QueryNode> ReadPattern(std::string_view text) {
  const size_t first = text.find('-');
  const size_t second = first == std::string_view::npos ? first : text.find('-', first + 1);
  if (second == std::string_view::npos) return ValueFault("QUERY_BAD_DATE", kDateShape);
  std::array<std::string_view, 3> parts = {
      text.substr(0, first), text.substr(first + 1, second - first - 1), text.substr(second + 1)};
  if (parts[0].size() == 4) std::swap(parts[0], parts[2]);
  const DatePattern date{.day = PatternPart(parts[0], 2),
                         .month = PatternPart(parts[1], 2),
                         .year = PatternPart(parts[2], 4)};
  if (date.day < 0 || date.month < 0 || date.year < 0) {
    return ValueFault("QUERY_BAD_DATE", kDateShape);
  }
  if (date.year != 0 && parts[2].size() != 4) {
    return ValueFault("QUERY_BAD_DATE", "a year has four digits");
  }
  if (date.month > 12) {
    return ValueFault("QUERY_BAD_DATE", "there are only 12 months; day and month may be swapped");
  }
  if (!IsPossible(date)) return ValueFault("QUERY_BAD_DATE", "that month has no such day");
  return QueryNode{date};
}

}  // namespace

absl::Status CheckRange(const RangeNode& range) {
  const FieldInfo& field = FieldOf(range.field);
  const auto possible = [&](int64_t bound) {
    if (range.field == NumberField::kCreated) return bound >= kFirstUs && bound <= kLastUs;
    if (IsTime(range.field)) return IsDateNumber(bound);
    return bound >= 0 && bound <= kMaxAmount;
  };
  if ((range.min != kOpenMin && !possible(range.min)) ||
      (range.max != kOpenMax && !possible(range.max))) {
    return ValueFault("QUERY_BAD_RANGE", std::string(field.name) + ": has no such values");
  }
  return range.min <= range.max ? absl::OkStatus() : EmptyRange(field);
}

absl::StatusOr<QueryNode> ReadComparison(const FieldInfo& field, Comparison comparison,
                                         std::string_view value) {
  SR_ASSIGN_OR_RETURN(const Amount amount, ReadAmount(field, value));
  switch (comparison) {
    case Comparison::kAtLeast:
      return RangeOf(field, amount.at_least, kOpenMax);
    case Comparison::kMore:
      return amount.above == kOpenMax ? EmptyRange(field) : RangeOf(field, amount.above, kOpenMax);
    case Comparison::kAtMost:
      return RangeOf(field, kOpenMin, amount.at_most);
    case Comparison::kLess:
      return amount.below == kOpenMin ? EmptyRange(field) : RangeOf(field, kOpenMin, amount.below);
    case Comparison::kEqual:
      break;
  }
  return RangeOf(field, amount.first, amount.last);
}

absl::StatusOr<QueryNode> ReadBounds(const FieldInfo& field, std::string_view min,
                                     std::string_view max) {
  RangeNode range;
  if (!min.empty()) {
    SR_ASSIGN_OR_RETURN(const Amount amount, ReadAmount(field, min));
    range.min = amount.at_least;
  }
  if (!max.empty()) {
    SR_ASSIGN_OR_RETURN(const Amount amount, ReadAmount(field, max));
    range.max = amount.at_most;
  }
  if (range.min > range.max) {
    return ValueFault("QUERY_BAD_RANGE", "the range ends before it begins",
                      std::string(field.name) + ":" + std::string(max) + ".." + std::string(min));
  }
  return RangeOf(field, range.min, range.max);
}

absl::StatusOr<QueryNode> ReadRange(const FieldInfo& field, std::string_view value) {
  Comparison comparison = Comparison::kEqual;
  if (TakeComparison(value, comparison)) return ReadComparison(field, comparison, value);
  const size_t dots = value.find("..");
  if (dots == std::string_view::npos) return ReadComparison(field, Comparison::kEqual, value);
  return ReadBounds(field, value.substr(0, dots), value.substr(dots + 2));
}

absl::StatusOr<QueryNode> ReadDate(const FieldInfo& field, std::string_view value) {
  if (field.kind == FieldKind::kDate) {
    const bool is_range = value.find("..") != std::string_view::npos ||
                          value.find_first_of("<>") != std::string_view::npos;
    return !is_range && IsPattern(value) ? ReadPattern(value) : ReadRange(field, value);
  }
  if (value.find('*') != std::string_view::npos) {
    return ValueFault("QUERY_BAD_DATE",
                      std::string(field.name) + ": needs a date; * is for date: only");
  }
  return ReadComparison(
      field, field.kind == FieldKind::kFrom ? Comparison::kAtLeast : Comparison::kAtMost, value);
}

std::string BoundText(NumberField field, int64_t bound) {
  if (bound == kOpenMin || bound == kOpenMax) return "";
  const absl::TimeZone utc = absl::UTCTimeZone();
  if (field == NumberField::kCreated) {
    const absl::Time time = absl::FromUnixMicros(bound);
    return absl::FormatTime("%E4Y-%m-%dT%H:%M:%E6SZ", time, utc);
  }
  if (IsTime(field)) {
    const std::string digits = std::to_string(100000000 + bound).substr(1);
    return digits.substr(0, 4) + "-" + digits.substr(4, 2) + "-" + digits.substr(6);
  }
  if (field != NumberField::kPixels) return std::to_string(bound);
  std::string text = std::to_string(bound / 1'000'000);
  if (bound % 1'000'000 == 0) return text;
  const std::string micros = std::to_string(1'000'000 + bound % 1'000'000).substr(1);
  return text + "." + micros.substr(0, micros.find_last_not_of('0') + 1);
}

}  // namespace stockroom::api
