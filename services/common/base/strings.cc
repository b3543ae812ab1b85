#include "services/common/base/strings.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "services/common/base/status.h"

namespace stockroom {
namespace {

// Length of the well-formed UTF-8 sequence at the front of `s`, 0 if there is none
// (Unicode 15, table 3-7).
size_t SequenceLength(std::string_view s) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(s[i]); };
  const auto continues = [&](size_t i, unsigned char low = 0x80, unsigned char high = 0xBF) {
    return i < s.size() && byte(i) >= low && byte(i) <= high;
  };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return continues(1) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    const unsigned char low = lead == 0xE0 ? 0xA0 : 0x80;
    const unsigned char high = lead == 0xED ? 0x9F : 0xBF;
    return continues(1, low, high) && continues(2) ? 3 : 0;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    const unsigned char low = lead == 0xF0 ? 0x90 : 0x80;
    const unsigned char high = lead == 0xF4 ? 0x8F : 0xBF;
    return continues(1, low, high) && continues(2) && continues(3) ? 4 : 0;
  }
  return 0;
}

}  // namespace

std::string ToHex(std::string_view bytes) { return absl::BytesToHexString(Av(bytes)); }

absl::StatusOr<std::string> FromHex(std::string_view hex) {
  if (hex.size() % 2 != 0)
    return InvalidArgument("NOT_HEX", "expected an even number of hex digits");
  std::string bytes;
  bytes.reserve(hex.size() / 2);
  for (size_t i = 0; i < hex.size(); i += 2) {
    const int high = HexDigit(hex[i]);
    const int low = HexDigit(hex[i + 1]);
    if (high < 0 || low < 0) return InvalidArgument("NOT_HEX", "expected hex digits only");
    bytes.push_back(static_cast<char>(high << 4 | low));
  }
  return bytes;
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string PercentEncode(std::string_view text, std::string_view keep) {
  std::string out;
  out.reserve(text.size());
  AppendPercentEncoded(text, keep, out);
  return out;
}

void AppendPercentEncoded(std::string_view text, std::string_view keep, std::string& out) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  for (const char c : text) {
    if (IsUnreserved(c) || keep.find(c) != std::string_view::npos) {
      out.push_back(c);
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
    }
  }
}

std::string ToBase64Url(std::string_view bytes) {
  std::string text = absl::WebSafeBase64Escape(Av(bytes));
  while (!text.empty() && text.back() == '=') text.pop_back();
  return text;
}

absl::StatusOr<std::string> FromBase64Url(std::string_view text) {
  // Abseil's decoder skips white space; tokens have exactly one form.
  const bool clean = std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
  });
  std::string bytes;
  if (!clean || !absl::WebSafeBase64Unescape(Av(text), &bytes)) {
    return InvalidArgument("NOT_BASE64URL", "expected base64url without padding");
  }
  return bytes;
}

bool IsCleanUtf8(std::string_view s) {
  while (!s.empty()) {
    const size_t length = SequenceLength(s);
    if (length == 0 || s[0] == '\0') return false;
    s.remove_prefix(length);
  }
  return true;
}

size_t Utf8Length(std::string_view s) {
  size_t length = 0;
  for (const char c : s) length += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  return length;
}

}  // namespace stockroom
