#include "services/common/http/head_parser.h"

#include <algorithm>
#include <array>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "services/common/base/ascii.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"
#include "services/common/http/problem.h"

namespace stockroom::http {
namespace {

// More fields than any honest client sends; each costs memory and a scan.
constexpr size_t kMaxFields = 100;

constexpr std::array<std::string_view, 7> kMethods = {"GET",   "HEAD",   "POST",   "PUT",
                                                      "PATCH", "DELETE", "OPTIONS"};

absl::Status Bad(std::string_view message) {
  return MakeError(absl::StatusCode::kInvalidArgument, "BAD_REQUEST", message);
}

constexpr std::array<bool, 256> kTokenChars = [] {
  std::array<bool, 256> token{};
  for (int c = '0'; c <= '9'; ++c) token[c] = true;
  for (int c = 'a'; c <= 'z'; ++c) token[c] = token[c - 'a' + 'A'] = true;
  for (const char c : std::string_view("!#$%&'*+-.^_`|~")) token[c] = true;
  return token;
}();

bool IsTokenChar(char c) { return kTokenChars[static_cast<unsigned char>(c)]; }

bool IsToken(std::string_view s) {
  return !s.empty() && std::all_of(s.begin(), s.end(), IsTokenChar);
}

std::string_view Trim(std::string_view s) {
  while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) s.remove_prefix(1);
  while (!s.empty() && (s.back() == ' ' || s.back() == '\t')) s.remove_suffix(1);
  return s;
}

absl::Status ParseRequestLine(std::string_view line, RequestHead& head) {
  const size_t first = line.find(' ');
  const size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) {
    return Bad("the request line must be: METHOD SP target SP HTTP/1.1");
  }
  const std::string_view method = line.substr(0, first);
  const std::string_view target = line.substr(first + 1, last - first - 1);
  const std::string_view version = line.substr(last + 1);
  if (!IsToken(method)) return Bad("the method is not a token");
  if (version == "HTTP/1.0") {
    head.http_1_0 = true;
    head.keep_alive = false;
  } else if (version != "HTTP/1.1") {
    if (version.substr(0, 5) != "HTTP/") return Bad("the request line does not end in HTTP/1.1");
    return MakeError(absl::StatusCode::kUnimplemented, "HTTP_VERSION_NOT_SUPPORTED",
                     "only HTTP/1.1 and HTTP/1.0 are spoken here");
  }
  if (std::find(kMethods.begin(), kMethods.end(), method) == kMethods.end()) {
    return MakeError(absl::StatusCode::kUnimplemented, "METHOD_UNKNOWN",
                     "this method is not known here");
  }
  if (target.empty() || target.front() != '/') {
    return Bad("the target must be a path that begins with '/'");
  }
  if (!IsVisibleAscii(target) || target.find('#') != std::string_view::npos) {
    return Bad("the target holds characters that must be percent-encoded");
  }
  head.method = method;
  const size_t question = target.find('?');
  head.path = target.substr(0, question);
  if (question != std::string_view::npos) head.query = target.substr(question + 1);
  return absl::OkStatus();
}

absl::Status ParseField(std::string_view line, RequestHead& head) {
  if (line.front() == ' ' || line.front() == '\t') return Bad("folded header lines are refused");
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos || !IsToken(line.substr(0, colon))) {
    return Bad("a header line is not of the form name: value");
  }
  const std::string_view value = Trim(line.substr(colon + 1));
  if (HasControls(value)) return Bad("a header value holds control characters");
  if (head.headers.size() >= kMaxFields) {
    return MakeError(absl::StatusCode::kInvalidArgument, "HEADERS_TOO_LARGE",
                     absl::StrCat("more than ", kMaxFields, " header lines"));
  }
  head.headers.Add(line.substr(0, colon), value);
  return absl::OkStatus();
}

// RFC 9112 section 6.3, without the lenient choices it leaves open.
absl::Status ReadFraming(RequestHead& head) {
  const int lengths = head.headers.Count("Content-Length");
  const int codings = head.headers.Count("Transfer-Encoding");
  if (lengths > 0 && codings > 0) {
    return Bad("Content-Length together with Transfer-Encoding is refused");
  }
  if (lengths > 1) return Bad("more than one Content-Length");
  if (lengths == 1) {
    const std::string_view text = head.headers.Get("Content-Length");
    int64_t length = 0;
    const bool digits =
        !text.empty() && text.size() <= 18 &&
        std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (!digits || !absl::SimpleAtoi(Av(text), &length)) {
      return Bad("Content-Length is not a decimal number");
    }
    head.content_length = length;
  }
  if (codings > 0) {
    if (head.http_1_0) return Bad("Transfer-Encoding needs HTTP/1.1");
    if (codings > 1 || !EqualsIgnoreCase(head.headers.Get("Transfer-Encoding"), "chunked")) {
      return MakeError(absl::StatusCode::kUnimplemented, "TRANSFER_CODING_UNKNOWN",
                       "the only transfer coding understood here is: chunked");
    }
    head.chunked = true;
  }
  return absl::OkStatus();
}

absl::Status ReadHost(const RequestHead& head) {
  const int hosts = head.headers.Count("Host");
  if (hosts > 1 || (hosts == 0 && !head.http_1_0)) return Bad("exactly one Host header is needed");
  const std::string_view host = head.headers.Get("Host");
  const bool clean = std::all_of(host.begin(), host.end(), [](char c) {
    return IsTokenChar(c) || c == ':' || c == '[' || c == ']';
  });
  if (!clean) return Bad("the Host header is not a host name");
  return absl::OkStatus();
}

void ReadConnection(RequestHead& head) {
  for (size_t i = 0; i < head.headers.size(); ++i) {
    const auto [name, value] = head.headers[i];
    if (!EqualsIgnoreCase(name, "Connection")) continue;
    std::string_view rest = value;
    while (!rest.empty()) {
      const size_t comma = std::min(rest.find(','), rest.size());
      const std::string_view option = Trim(rest.substr(0, comma));
      if (EqualsIgnoreCase(option, "close")) {
        head.keep_alive = false;
        return;
      }
      if (EqualsIgnoreCase(option, "keep-alive")) head.keep_alive = true;
      rest.remove_prefix(std::min(comma + 1, rest.size()));
    }
  }
}

}  // namespace

absl::StatusOr<std::optional<size_t>> FindHeadEnd(std::string_view bytes, size_t* from) {
  size_t at = *from;
  while ((at = bytes.find('\n', at)) != std::string_view::npos) {
    if (at == 0 || bytes[at - 1] != '\r') return Bad("a line ends with LF alone");
    // An empty line at the very beginning would be an empty head: ParseRequestHead refuses it.
    if (at == 1 || (at >= 3 && bytes[at - 2] == '\n')) {
      *from = at + 1;
      return at + 1;
    }
    ++at;
  }
  *from = bytes.size();
  return std::optional<size_t>();
}

absl::StatusOr<RequestHead> ParseRequestHead(std::string_view raw) {
  RequestHead head;
  bool first = true;
  while (true) {
    const size_t end = raw.find("\r\n");
    if (end == std::string_view::npos) return Bad("the head does not end with an empty line");
    const std::string_view line = raw.substr(0, end);
    raw.remove_prefix(end + 2);
    if (line.find('\r') != std::string_view::npos || line.find('\n') != std::string_view::npos) {
      return Bad("CR and LF may only end a line");
    }
    if (first) {
      SR_RETURN_IF_ERROR(ParseRequestLine(line, head));
      first = false;
    } else if (line.empty()) {
      break;
    } else {
      SR_RETURN_IF_ERROR(ParseField(line, head));
    }
  }
  SR_RETURN_IF_ERROR(ReadHost(head));
  SR_RETURN_IF_ERROR(ReadFraming(head));
  ReadConnection(head);
  if (const auto expect = head.headers.Find("Expect")) {
    if (!EqualsIgnoreCase(*expect, "100-continue")) {
      return MakeError(absl::StatusCode::kInvalidArgument, "EXPECTATION_FAILED",
                       "the only expectation understood here is: 100-continue");
    }
    head.expect_continue = head.has_body() && !head.http_1_0;
  }
  return head;
}

}  // namespace stockroom::http
