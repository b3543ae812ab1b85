#include "services/common/http/response_head.h"

#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "services/common/base/ascii.h"
#include "services/common/base/strings.h"
#include "services/common/http/problem.h"

namespace stockroom::http {
namespace {

constexpr size_t kUsualHead = 1024;

// As of a second, which is all that the header says.
std::string_view HttpDate(absl::Time now) {
  thread_local int64_t second = std::numeric_limits<int64_t>::min();
  thread_local std::string text;
  const int64_t current = absl::ToUnixSeconds(now);
  if (current != second) {
    second = current;
    text = absl::FormatTime("%a, %d %b %Y %H:%M:%S GMT", now, absl::UTCTimeZone());
  }
  return text;
}

}  // namespace

std::string SerializeHead(const Response& response, const Framing& framing,
                          std::string_view request_id, absl::Time now) {
  std::string head;
  head.reserve(kUsualHead);
  absl::StrAppend(&head, "HTTP/1.1 ", response.status, " ", Av(ReasonPhrase(response.status)),
                  "\r\n");
  for (size_t i = 0; i < response.headers.size(); ++i) {
    const auto [name, value] = response.headers[i];
    if (HasControls(name) || HasControls(value)) continue;
    head.append(name).append(": ").append(value).append("\r\n");
  }
  head.append("Date: ").append(HttpDate(now));
  head.append("\r\nX-Content-Type-Options: nosniff\r\nX-Request-Id: ").append(request_id);
  head.append("\r\n");
  if (framing.content_length) {
    absl::StrAppend(&head, "Content-Length: ", *framing.content_length, "\r\n");
  }
  if (framing.chunked) absl::StrAppend(&head, "Transfer-Encoding: chunked\r\n");
  if (!framing.keep_alive) {
    absl::StrAppend(&head, "Connection: close\r\n");
  } else if (framing.http_1_0) {
    absl::StrAppend(&head, "Connection: keep-alive\r\n");
  }
  absl::StrAppend(&head, "\r\n");
  return head;
}

}  // namespace stockroom::http
