#include "services/common/http/conditional.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "absl/strings/str_cat.h"
#include "services/common/base/strings.h"
#include "services/common/http/problem.h"

namespace stockroom::http {
namespace {

constexpr char kHttpDate[] = "%a, %d %b %Y %H:%M:%S GMT";

std::string_view Trim(std::string_view s) {
  while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) s.remove_prefix(1);
  while (!s.empty() && (s.back() == ' ' || s.back() == '\t')) s.remove_suffix(1);
  return s;
}

enum class Compare { kStrong, kWeak };

// Is `etag` in the comma-separated list? A tag may itself hold a comma, so quotes are honoured.
bool ListHas(std::string_view list, std::string_view etag, Compare compare) {
  list = Trim(list);
  if (list == "*") return true;
  while (!list.empty()) {
    const bool weak = list.substr(0, 2) == "W/";
    if (weak) list.remove_prefix(2);
    if (list.empty() || list.front() != '"') return false;
    const size_t close = list.find('"', 1);
    if (close == std::string_view::npos) return false;
    if (list.substr(0, close + 1) == etag && (!weak || compare == Compare::kWeak)) return true;
    list = Trim(list.substr(close + 1));
    if (!list.empty() && list.front() == ',') list = Trim(list.substr(1));
  }
  return false;
}

// Digits only; larger numbers than fit are as good as the largest.
std::optional<int64_t> Number(std::string_view s) {
  if (s.empty()) return std::nullopt;
  int64_t value = 0;
  for (const char c : s) {
    if (c < '0' || c > '9') return std::nullopt;
    constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
    value = value > (kMax - 9) / 10 ? kMax : value * 10 + (c - '0');
    if (value == kMax) value = kMax - 1;  // stays below overflow when one is added
  }
  return value;
}

Selection SelectRange(std::string_view range, int64_t size) {
  const Selection whole{200, 0, size};
  const Selection unsatisfiable{416, 0, 0};
  constexpr std::string_view kUnit = "bytes=";
  if (!EqualsIgnoreCase(range.substr(0, kUnit.size()), kUnit)) return whole;
  range = Trim(range.substr(kUnit.size()));
  if (range.find(',') != std::string_view::npos) return whole;
  const size_t dash = range.find('-');
  if (dash == std::string_view::npos) return whole;
  const std::string_view first_text = range.substr(0, dash);
  const std::string_view last_text = range.substr(dash + 1);
  if (first_text.empty()) {
    const auto suffix = Number(last_text);
    if (!suffix) return whole;
    if (*suffix == 0 || size == 0) return unsatisfiable;
    const int64_t length = std::min(*suffix, size);
    return {206, size - length, length};
  }
  const auto first = Number(first_text);
  if (!first) return whole;
  int64_t last = size - 1;
  if (!last_text.empty()) {
    const auto given = Number(last_text);
    if (!given || *given < *first) return whole;
    last = std::min(*given, last);
  }
  if (*first >= size) return unsatisfiable;
  return {206, *first, last - *first + 1};
}

// If-Modified-Since has a resolution of one second.
bool UnmodifiedSince(std::string_view date, absl::Time modified) {
  absl::Time since;
  std::string error;
  if (!absl::ParseTime(kHttpDate, Av(date), &since, &error)) return false;
  return absl::ToUnixSeconds(modified) <= absl::ToUnixSeconds(since);
}

}  // namespace

Selection Select(std::string_view method, const Headers& request, const Entity& entity) {
  const auto if_match = request.Find("If-Match");
  if (if_match && !ListHas(*if_match, entity.etag, Compare::kStrong)) return {412, 0, 0};
  const auto if_none_match = request.Find("If-None-Match");
  if (if_none_match) {
    if (ListHas(*if_none_match, entity.etag, Compare::kWeak)) return {304, 0, 0};
  } else if (const auto since = request.Find("If-Modified-Since")) {
    const bool known = entity.modified != absl::InfinitePast();
    if (known && UnmodifiedSince(*since, entity.modified)) return {304, 0, 0};
  }
  const auto range = request.Find("Range");
  const auto if_range = request.Find("If-Range");
  // A date in If-Range is no strong validator, so it never matches.
  const bool wanted = range && method == "GET" && (!if_range || *if_range == entity.etag);
  return wanted ? SelectRange(*range, entity.size) : Selection{200, 0, entity.size};
}

Response RefusalOf(const Selection& selection, std::string_view what, std::string_view request_id) {
  const absl::Status refusal =
      selection.status == 412
          ? MakeError(absl::StatusCode::kOutOfRange, "PRECONDITION_FAILED",
                      absl::StrCat("the ", Av(what), " is not the one that If-Match names"))
          : MakeError(absl::StatusCode::kOutOfRange, "RANGE_NOT_SATISFIABLE",
                      absl::StrCat("the range lies outside the ", Av(what)));
  return ProblemResponse(refusal, request_id);
}

void Describe(const Selection& selection, const Entity& entity, Response& response) {
  response.status = selection.status;
  response.headers.Set("ETag", entity.etag);
  response.headers.Set("Accept-Ranges", "bytes");
  if (entity.modified != absl::InfinitePast()) {
    response.headers.Set("Last-Modified",
                         absl::FormatTime(kHttpDate, entity.modified, absl::UTCTimeZone()));
  }
  if (selection.status == 206) {
    response.headers.Set("Content-Range",
                         absl::StrCat("bytes ", selection.offset, "-",
                                      selection.offset + selection.length - 1, "/", entity.size));
  } else if (selection.status == 416) {
    response.headers.Set("Content-Range", absl::StrCat("bytes */", entity.size));
  }
}

}  // namespace stockroom::http
