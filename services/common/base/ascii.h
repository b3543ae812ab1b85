// Whether characters are in a text that do not belong there, eight at a time: compilers do not make
// that of a loop over them, and every head of a request or an answer is looked through.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace stockroom {

// Eight characters. Each function is not zero if one of them is as its name says.
class EightChars {
 public:
  explicit EightChars(const char* at) { std::memcpy(&chars_, at, sizeof chars_); }
  // At most 0x80.
  uint64_t Below(uint8_t limit) const { return Below(chars_, limit); }
  uint64_t Equal(char c) const { return Below(chars_ ^ kOnes * static_cast<uint8_t>(c), 1); }
  uint64_t NotAscii() const { return chars_ & kHighBits; }

 private:
  static constexpr uint64_t kOnes = 0x0101010101010101;
  static constexpr uint64_t kHighBits = 0x80 * kOnes;
  static uint64_t Below(uint64_t chars, uint8_t limit) {
    return (chars - kOnes * limit) & ~chars & kHighBits;
  }
  uint64_t chars_;
};

// Whether `test` (uint64_t(EightChars)) finds something in `text`. It must find nothing in an 'a'.
template <typename Test>
bool AnyChar(std::string_view text, Test test) {
  if (text.size() < 8) {
    char padded[8] = {'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a'};
    std::copy(text.begin(), text.end(), padded);
    return test(EightChars(padded)) != 0;
  }
  const char* const last = text.data() + text.size() - 8;
  uint64_t found = test(EightChars(last));
  for (const char* at = text.data(); at < last; at += 8) found |= test(EightChars(at));
  return found != 0;
}

// 0x21 to 0x7e only.
inline bool IsVisibleAscii(std::string_view text) {
  return !AnyChar(text, [](EightChars c) { return c.Below(0x21) | c.Equal(0x7f) | c.NotAscii(); });
}

// What RFC 9110 section 5.5 forbids in the value of a field: all controls but the tab.
inline bool HasControls(std::string_view text) {
  const auto control = [](EightChars c) { return c.Below(0x20) | c.Equal(0x7f); };
  return AnyChar(text, control) && std::any_of(text.begin(), text.end(), [](char c) {
           return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f;
         });
}

}  // namespace stockroom
