// Heads of requests: their end is found wherever they are cut, and what is taken is unambiguous.
#include <algorithm>

#include "services/common/http/head_parser.h"
#include "tests/fuzz/split.h"
#include "tests/fuzz/target.h"

namespace {

using stockroom::fuzz::Require;
using stockroom::http::FindHeadEnd;
using stockroom::http::ParseRequestHead;
using stockroom::http::RequestHead;

struct End {
  bool ok = true;
  std::optional<size_t> at;

  bool operator==(const End&) const = default;
};

// As the connection does it: the buffer grows, `from` is kept.
struct Search {
  bool Grow(std::string_view piece) {
    buffer.append(piece);
    const auto found = FindHeadEnd(buffer, &from);
    end.ok = found.ok();
    if (found.ok()) end.at = *found;
    return end.ok && !end.at.has_value();
  }
  std::string buffer;
  size_t from = 0;
  End end;
};

void CheckHead(const RequestHead& head, std::string_view raw) {
  Require(!head.path.empty() && head.path.front() == '/', "a path that is none");
  Require(!(head.chunked && head.content_length), "two framings at once");
  Require(head.content_length.value_or(0) >= 0, "a negative length");
  Require(head.headers.Count("Host") <= 1, "two hosts");
  Require(head.headers.Count("Content-Length") <= 1, "two lengths");
  Require(head.headers.size() <= 100, "too many fields");
  for (size_t i = 0; i < head.headers.size(); ++i) {
    const auto [name, value] = head.headers[i];
    Require(!name.empty() && name.find_first_of(": \t\r\n") == std::string::npos, "a field's name");
    Require(value.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos,
            "a field's value");
    Require(raw.find(name) != std::string_view::npos, "a field out of nowhere");
  }
  Require(std::none_of(head.path.begin(), head.path.end(),
                       [](char c) { return c <= 0x20 || c == 0x7f; }),
          "blanks in a path");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  Search at_once;
  at_once.Grow(text);
  Search by_byte;
  stockroom::fuzz::InBytes(text, [&](auto piece) { return by_byte.Grow(piece); });
  Search by_piece;
  stockroom::fuzz::InPieces(text, size, [&](auto piece) { return by_piece.Grow(piece); });
  if (size > 0) {
    Require(by_byte.end == at_once.end, "bytes decide where a head ends");
    Require(by_piece.end == at_once.end, "pieces decide where a head ends");
  }
  // Also what no search would have found.
  (void)ParseRequestHead(text);
  if (!at_once.end.at) return 0;
  Require(*at_once.end.at <= size, "an end behind the end");
  const std::string_view raw = text.substr(0, *at_once.end.at);
  const auto head = ParseRequestHead(raw);
  if (head.ok()) CheckHead(*head, raw);
  return 0;
}

std::vector<std::string> FuzzSeeds() {
  return {
      "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
      "POST /v1/images?sha256=ab HTTP/1.1\r\nHost: [::1]:8080\r\nContent-Length: 12\r\n"
      "Content-Type: image/png\r\nExpect: 100-continue\r\nConnection: keep-alive, x\r\n\r\nbody",
      "PUT /a%20b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "GET /i/1/thumb.jpg HTTP/1.0\r\nConnection: close\r\nX-Long: " + std::string(500, 'y') +
          "\r\n\r\n",
      "GET / HTTP/1.1\nHost: a\n\n",
      "GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
      "OPTIONS /v1/images HTTP/1.1\r\nHost: a\r\nOrigin: https://x\r\nTraceparent: "
      "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n\r\n"};
}
