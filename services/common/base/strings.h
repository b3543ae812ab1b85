// Bridges between std::string_view (our signatures) and Abseil, whose string_view is a type of its
// own in Debian's build, and small text helpers.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace stockroom {

inline absl::string_view Av(std::string_view s) { return {s.data(), s.size()}; }
inline std::string_view Sv(absl::string_view s) { return {s.data(), s.size()}; }

// Lower-case hex of bytes, and back. FromHex: INVALID_ARGUMENT on anything but hex pairs.
std::string ToHex(std::string_view bytes);
absl::StatusOr<std::string> FromHex(std::string_view hex);

// The value of a hex digit of either case; -1: it is none.
int HexDigit(char c);

// Whether a URL may hold it anywhere as it is (RFC 3986 section 2.3).
constexpr bool IsUnreserved(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

// Every byte that is neither unreserved nor in `keep` becomes '%' and two upper-case hex digits.
std::string PercentEncode(std::string_view text, std::string_view keep = "");
void AppendPercentEncoded(std::string_view text, std::string_view keep, std::string& out);

// base64url without padding (RFC 4648 section 5), for tokens in URLs.
std::string ToBase64Url(std::string_view bytes);
absl::StatusOr<std::string> FromBase64Url(std::string_view text);

// True for well-formed UTF-8 without surrogates, overlong forms or NUL.
bool IsCleanUtf8(std::string_view s);

// Number of code points of well-formed UTF-8.
size_t Utf8Length(std::string_view s);

}  // namespace stockroom
