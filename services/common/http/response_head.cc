#include "services/common/http/response_head.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "services/common/base/strings.h"
#include "services/common/http/problem.h"

namespace stockroom::http {
namespace {

bool IsClean(std::string_view value) {
  return std::none_of(value.begin(), value.end(), [](char c) {
    return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f;
  });
}

}  // namespace

std::string SerializeHead(const Response& response, const Framing& framing,
                          std::string_view request_id, absl::Time now) {
  std::string head =
      absl::StrCat("HTTP/1.1 ", response.status, " ", Av(ReasonPhrase(response.status)), "\r\n");
  for (const auto& [name, value] : response.headers.fields()) {
    if (IsClean(name) && IsClean(value)) absl::StrAppend(&head, name, ": ", value, "\r\n");
  }
  absl::StrAppend(&head,
                  "Date: ", absl::FormatTime("%a, %d %b %Y %H:%M:%S GMT", now, absl::UTCTimeZone()),
                  "\r\nX-Content-Type-Options: nosniff\r\nX-Request-Id: ", Av(request_id), "\r\n");
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
