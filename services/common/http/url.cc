#include "services/common/http/url.h"

#include <algorithm>

#include "services/common/base/ascii.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"
#include "services/common/http/problem.h"

namespace stockroom::http {
namespace {

constexpr size_t kMaxPairs = 200;

absl::Status Bad(std::string_view message) {
  return MakeError(absl::StatusCode::kInvalidArgument, "BAD_URL", message);
}

// Nothing to decode, and nothing to find fault with.
bool IsPlain(std::string_view text) {
  return !AnyChar(text, [](EightChars c) {
    return c.Below(0x20) | c.Equal(0x7f) | c.NotAscii() | c.Equal('%') | c.Equal('+');
  });
}

}  // namespace

absl::StatusOr<std::string> PercentDecode(std::string_view text, Plus plus) {
  if (IsPlain(text)) return std::string(text);
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      const int high = i + 2 < text.size() ? HexDigit(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? HexDigit(text[i + 2]) : -1;
      if (high < 0 || low < 0) return Bad("'%' in the URL must be followed by two hex digits");
      c = static_cast<char>(high * 16 + low);
      i += 2;
    } else if (c == '+' && plus == Plus::kSpace) {
      c = ' ';
    }
    const bool text_control = plus == Plus::kSpace && (c == '\t' || c == '\n' || c == '\r');
    if ((static_cast<unsigned char>(c) < 0x20 && !text_control) || c == 0x7f) {
      return Bad("the URL holds a control character");
    }
    out.push_back(c);
  }
  if (!IsCleanUtf8(out)) return Bad("the URL is not UTF-8 after percent-decoding");
  return out;
}

absl::Status CheckPercentEncoding(std::string_view text) {
  return IsPlain(text) ? absl::OkStatus() : PercentDecode(text).status();
}

absl::StatusOr<std::vector<std::pair<std::string, std::string>>> ParseQuery(
    std::string_view query) {
  std::vector<std::pair<std::string, std::string>> pairs;
  while (!query.empty()) {
    const size_t end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    if (pair.empty()) continue;
    if (pairs.size() == kMaxPairs) return Bad("more than 200 query parameters");
    const size_t equals = std::min(pair.find('='), pair.size());
    SR_ASSIGN_OR_RETURN(std::string name, PercentDecode(pair.substr(0, equals), Plus::kSpace));
    SR_ASSIGN_OR_RETURN(
        std::string value,
        PercentDecode(pair.substr(std::min(equals + 1, pair.size())), Plus::kSpace));
    pairs.emplace_back(std::move(name), std::move(value));
  }
  return pairs;
}

}  // namespace stockroom::http
