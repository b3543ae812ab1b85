#include "tools/stockroom/text.h"

#include <algorithm>
#include <cmath>
#include <iterator>

#include "absl/strings/str_format.h"

namespace stockroom::cli {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
constexpr char32_t kBad = 0xFFFFFFFF;

// The next code point and how many bytes it takes; kBad (one byte) for what is not UTF-8.
std::pair<char32_t, size_t> Next(std::string_view s) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(s[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return {first, 1};
  const size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || s.size() < length) return {kBad, 1};
  char32_t c = first & (0x7F >> length);
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return {kBad, 1};
    c = c << 6 | (byte(i) & 0x3F);
  }
  const bool overlong = (length == 3 && c < 0x800) || (length == 4 && c < 0x10000);
  if (overlong || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF)) return {kBad, 1};
  return {c, length};
}

bool IsControl(char32_t c) {
  return c < 0x20 || (c >= 0x7F && c <= 0x9F) || c == 0x2028 || c == 0x2029;
}

// Characters that reorder what stands around them, so that text reads as something else.
bool IsDirectionOverride(char32_t c) {
  return (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
}

struct Range {
  char32_t first, last;
};

bool Within(const Range* begin, const Range* end, char32_t c) {
  const Range* found =
      std::upper_bound(begin, end, c, [](char32_t v, const Range& r) { return v < r.first; });
  return found != begin && c <= std::prev(found)->last;
}

// Combining marks, joiners, variation selectors: the common ones of Unicode 15.
constexpr Range kZero[] = {
    {0x0300, 0x036F},   {0x0483, 0x0489},  {0x0591, 0x05BD}, {0x0610, 0x061A}, {0x064B, 0x065F},
    {0x0900, 0x0902},   {0x0941, 0x0948},  {0x094D, 0x094D}, {0x0E31, 0x0E31}, {0x0E34, 0x0E3A},
    {0x0E47, 0x0E4E},   {0x1AB0, 0x1AFF},  {0x1DC0, 0x1DFF}, {0x200B, 0x200F}, {0x2060, 0x2064},
    {0x20D0, 0x20FF},   {0x3099, 0x309A},  {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F}, {0xFEFF, 0xFEFF},
    {0x1F3FB, 0x1F3FF}, {0xE0100, 0xE01EF}};
// East Asian Width W and F, emoji included.
constexpr Range kWide[] = {
    {0x1100, 0x115F},   {0x231A, 0x231B},   {0x23E9, 0x23EC},   {0x25FD, 0x25FE},
    {0x2614, 0x2615},   {0x2648, 0x2653},   {0x26A1, 0x26A1},   {0x26BD, 0x26BE},
    {0x26C4, 0x26C5},   {0x2705, 0x2705},   {0x274C, 0x274C},   {0x2795, 0x2797},
    {0x2B1B, 0x2B1C},   {0x2B50, 0x2B50},   {0x2E80, 0x303E},   {0x3041, 0x33FF},
    {0x3400, 0x4DBF},   {0x4E00, 0x9FFF},   {0xA000, 0xA4CF},   {0xA960, 0xA97F},
    {0xAC00, 0xD7A3},   {0xF900, 0xFAFF},   {0xFE30, 0xFE6F},   {0xFF00, 0xFF60},
    {0xFFE0, 0xFFE6},   {0x1F004, 0x1F004}, {0x1F0CF, 0x1F0CF}, {0x1F18E, 0x1F18E},
    {0x1F191, 0x1F19A}, {0x1F200, 0x1F320}, {0x1F32D, 0x1F335}, {0x1F337, 0x1F37C},
    {0x1F37E, 0x1F393}, {0x1F3A0, 0x1F3CA}, {0x1F3CF, 0x1F3D3}, {0x1F3E0, 0x1F3F0},
    {0x1F3F4, 0x1F3F4}, {0x1F3F8, 0x1F3FA}, {0x1F400, 0x1F43E}, {0x1F440, 0x1F440},
    {0x1F442, 0x1F4FC}, {0x1F4FF, 0x1F53D}, {0x1F54B, 0x1F567}, {0x1F57A, 0x1F57A},
    {0x1F595, 0x1F596}, {0x1F5A4, 0x1F5A4}, {0x1F5FB, 0x1F64F}, {0x1F680, 0x1F6C5},
    {0x1F6CC, 0x1F6D2}, {0x1F6D5, 0x1F6DF}, {0x1F6EB, 0x1F6FC}, {0x1F7E0, 0x1F7EB},
    {0x1F90C, 0x1F9FF}, {0x1FA70, 0x1FAFF}, {0x20000, 0x3FFFD}};

int WidthOf(char32_t c) {
  if (c == kBad) return 1;
  if (c < 0x0300) return 1;
  if (Within(std::begin(kZero), std::end(kZero), c)) return 0;
  return Within(std::begin(kWide), std::end(kWide), c) ? 2 : 1;
}

// Calls visit(code point, its bytes) until it returns false.
template <typename Visit>
void ForEach(std::string_view text, Visit visit) {
  while (!text.empty()) {
    const auto [c, size] = Next(text);
    if (!visit(c, text.substr(0, size))) return;
    text.remove_prefix(size);
  }
}

}  // namespace

std::string OneLine(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  ForEach(text, [&](char32_t c, std::string_view bytes) {
    if (c == kBad || IsDirectionOverride(c)) {
      out += kReplacement;
    } else if (IsControl(c)) {
      out += ' ';
    } else {
      out += bytes;
    }
    return true;
  });
  return out;
}

std::string ToUtf8(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  ForEach(bytes, [&](char32_t c, std::string_view b) {
    out += c == kBad ? kReplacement : b;
    return true;
  });
  return out;
}

int Columns(std::string_view text) {
  int columns = 0;
  ForEach(text, [&](char32_t c, std::string_view) {
    columns += WidthOf(c);
    return true;
  });
  return columns;
}

std::string Cut(std::string_view text, int columns) {
  if (columns <= 0) return "";
  if (Columns(text) <= columns) return std::string(text);
  std::string out;
  int used = 0;
  ForEach(text, [&](char32_t c, std::string_view bytes) {
    const int width = WidthOf(c);
    if (used + width > columns - 1) return false;
    used += width;
    out += bytes;
    return true;
  });
  return out + "…";
}

std::string Fit(std::string_view text, int columns) {
  std::string out = Cut(text, columns);
  out.append(static_cast<size_t>(std::max(0, columns - Columns(out))), ' ');
  return out;
}

std::string PadLeft(std::string_view text, int columns) {
  const int missing = std::max(0, columns - Columns(text));
  return std::string(static_cast<size_t>(missing), ' ').append(text);
}

std::string HumanBytes(int64_t bytes) {
  if (bytes < 1000) return absl::StrFormat("%d B", std::max<int64_t>(bytes, 0));
  double value = static_cast<double>(bytes);
  const char* const units[] = {"kB", "MB", "GB", "TB", "PB", "EB"};
  size_t unit = 0;
  // 999.95 would be shown as 1000.
  for (value /= 1000; value >= 999.5 && unit + 1 < std::size(units); ++unit) value /= 1000;
  return value < 9.95 ? absl::StrFormat("%.1f %s", value, units[unit])
                      : absl::StrFormat("%.0f %s", value, units[unit]);
}

std::string HumanCount(int64_t n) {
  std::string digits = std::to_string(n);
  const size_t sign = n < 0 ? 1 : 0;
  for (size_t at = digits.size(); at > sign + 3;) digits.insert(at -= 3, ",");
  return digits;
}

std::string HumanDuration(absl::Duration d) {
  if (d < absl::ZeroDuration()) d = absl::ZeroDuration();
  if (d < absl::Seconds(10)) return absl::StrFormat("%.1f s", absl::ToDoubleSeconds(d));
  if (d > absl::Hours(24 * 99)) return "more than 99 days";
  const int64_t s = std::llround(absl::ToDoubleSeconds(d));
  if (s < 60) return absl::StrFormat("%d s", s);
  if (s < 3600) return absl::StrFormat("%d:%02d", s / 60, s % 60);
  return absl::StrFormat("%d:%02d:%02d", s / 3600, s / 60 % 60, s % 60);
}

std::string Plural(int64_t n, std::string_view what) {
  return HumanCount(n) + " " + std::string(what) + (n == 1 ? "" : "s");
}

}  // namespace stockroom::cli
