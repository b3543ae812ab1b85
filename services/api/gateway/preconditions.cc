#include "services/api/gateway/preconditions.h"

#include <atomic>
#include <memory>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "services/api/domain/idempotency.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"

namespace stockroom::api {
namespace {

std::string_view Trim(std::string_view s) {
  while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) s.remove_prefix(1);
  while (!s.empty() && (s.back() == ' ' || s.back() == '\t')) s.remove_suffix(1);
  return s;
}

absl::Status BadIfMatch() {
  return InvalidArgument("BAD_IF_MATCH", absl::StrCat("If-Match must be * or up to ", kMaxTags,
                                                      " entity tags in quotes, as in \"3\""));
}

absl::Status BadKey(std::string_view what) {
  return InvalidArgument("BAD_IDEMPOTENCY_KEY", absl::StrCat("Idempotency-Key: ", Av(what)));
}

// Exactly as RevisionTag writes it: "03" is another tag.
void AddRevision(std::string_view opaque, std::vector<int64_t>& revisions) {
  int64_t revision = 0;
  if (!absl::SimpleAtoi(Av(opaque), &revision) || revision <= 0) return;
  if (std::to_string(revision) == opaque) revisions.push_back(revision);
}

}  // namespace

std::string RevisionTag(int64_t revision) { return absl::StrCat("\"", revision, "\""); }

absl::StatusOr<IfMatch> ParseIfMatch(const http::Headers& headers) {
  std::string joined;
  for (size_t i = 0; i < headers.size(); ++i) {
    const auto [name, value] = headers[i];
    if (!http::EqualsIgnoreCase(name, "If-Match")) continue;
    absl::StrAppend(&joined, joined.empty() ? "" : ",", Av(value));
  }
  IfMatch match;
  if (headers.Count("If-Match") == 0) return match;
  std::string_view list = Trim(joined);
  if (list == "*") return match;
  match.conditional = true;
  for (size_t tags = 0;; ++tags) {
    const bool weak = list.substr(0, 2) == "W/";
    if (weak) list.remove_prefix(2);
    const size_t close = list.substr(0, 1) == "\"" ? list.find('"', 1) : list.npos;
    if (close == list.npos || tags == kMaxTags) return BadIfMatch();
    if (!weak) AddRevision(list.substr(1, close - 1), match.revisions);
    list = Trim(list.substr(close + 1));
    if (list.empty()) return match;
    if (list.front() != ',') return BadIfMatch();
    list = Trim(list.substr(1));
  }
}

absl::StatusOr<std::string> ParseIdempotencyKey(const http::Headers& headers) {
  const int count = headers.Count("Idempotency-Key");
  if (count == 0) return std::string();
  if (count > 1) return BadKey("comes more than once");
  const std::string_view value = Trim(headers.Get("Idempotency-Key"));
  std::string key;
  if (value.substr(0, 1) == "\"") {
    if (value.size() < 2 || value.back() != '"') return BadKey("the closing quote is missing");
    const std::string_view inner = value.substr(1, value.size() - 2);
    for (size_t i = 0; i < inner.size(); ++i) {
      if (inner[i] == '"') return BadKey("a quote inside must be escaped");
      if (inner[i] == '\\' && (++i == inner.size() || (inner[i] != '"' && inner[i] != '\\'))) {
        return BadKey("a backslash may only precede a quote or a backslash");
      }
      key += inner[i];
    }
  } else {
    key = value;
  }
  if (key.empty()) return BadKey("is empty");
  SR_RETURN_IF_ERROR(CheckIdempotencyKey(key));
  return key;
}

absl::Status TakeIdempotencyKey(http::Request& request) {
  SR_ASSIGN_OR_RETURN(request.context.idempotency_key, ParseIdempotencyKey(request.headers));
  if (!request.context.idempotency_key.empty()) {
    request.context.replayed = std::make_shared<std::atomic<bool>>(false);
  }
  return absl::OkStatus();
}

void MarkReplayed(const http::Request& request, http::Response& response) {
  const auto& replayed = request.context.replayed;
  if (replayed != nullptr && *replayed) response.headers.Set("Idempotency-Replayed", "true");
}

}  // namespace stockroom::api
