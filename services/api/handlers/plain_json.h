// Reads JSON that is as plain as processors write it, in one pass and without a tree: the general
// parser takes three times as long for texts of some hundred bytes.
#pragma once

#include <bit>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <system_error>

namespace stockroom::api {

// Plain: at most kDeepest levels, texts of ASCII without escapes, numbers that a double holds. Of
// whatever else, JSON or not, it says that it is not plain.
//
// Tells `Sink` what it reads, in order: Begin(is_object) and End() of each object and array, Key
// before each member, then Text, Number, Bool, Null. What it told of a text that turns out not to
// be plain is worth nothing.
template <typename Sink>
class PlainJson {
 public:
  static constexpr int kDeepest = 16;

  PlainJson(std::string_view text, Sink& sink)
      : at_(text.data()), end_(text.data() + text.size()), sink_(sink) {}

  // Whether it is a plain object, as a whole.
  bool ReadObject() {
    SkipSpace();
    if (at_ == end_ || *at_ != '{' || !Value(0)) return false;
    SkipSpace();
    return at_ == end_;
  }

 private:
  void SkipSpace() {
    while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\t' || *at_ == '\r')) ++at_;
  }
  bool Take(char c) {
    if (at_ == end_ || *at_ != c) return false;
    ++at_;
    return true;
  }
  bool TakeWord(std::string_view word) {
    if (std::string_view(at_, static_cast<size_t>(end_ - at_)).substr(0, word.size()) != word) {
      return false;
    }
    at_ += word.size();
    return true;
  }

  // At the first character of a value, or at the end.
  bool Value(int level) {
    if (at_ == end_) return false;
    switch (*at_) {
      case '{':
        return level < kDeepest && Items(true, '}', level);
      case '[':
        return level < kDeepest && Items(false, ']', level);
      case '"': {
        std::string_view text;
        if (!Text(text)) return false;
        sink_.Text(text);
        return true;
      }
      case 't':
        if (!TakeWord("true")) return false;
        sink_.Bool(true);
        return true;
      case 'f':
        if (!TakeWord("false")) return false;
        sink_.Bool(false);
        return true;
      case 'n':
        if (!TakeWord("null")) return false;
        sink_.Null();
        return true;
      default:
        return Number();
    }
  }

  bool Items(bool is_object, char closing, int level) {
    ++at_;
    sink_.Begin(is_object);
    SkipSpace();
    if (!Take(closing)) {
      for (;;) {
        if (is_object && !Key()) return false;
        if (!Value(level + 1)) return false;
        SkipSpace();
        if (Take(closing)) break;
        if (!Take(',')) return false;
        SkipSpace();
      }
    }
    sink_.End();
    return true;
  }

  bool Key() {
    std::string_view key;
    if (!Text(key)) return false;
    sink_.Key(key);
    SkipSpace();
    if (!Take(':')) return false;
    SkipSpace();
    return true;
  }

  bool Text(std::string_view& text) {
    if (!Take('"')) return false;
    const char* const begin = at_;
    while (end_ - at_ >= 8) {
      const uint64_t odd = OddBytes(at_);
      if (odd != 0) {
        at_ += std::countr_zero(odd) / 8;
        break;
      }
      at_ += 8;
    }
    while (at_ != end_ && *at_ != '"' && *at_ != '\\' && static_cast<signed char>(*at_) >= 0x20) {
      ++at_;
    }
    text = {begin, static_cast<size_t>(at_ - begin)};
    return Take('"');
  }
  // The high bit of the first of eight bytes that does not simply belong to a text, and maybe of
  // others behind it; 0 if all do.
  static uint64_t OddBytes(const char* at) {
    static_assert(std::endian::native == std::endian::little);
    constexpr uint64_t kEach = 0x0101010101010101;
    uint64_t bytes = 0;
    std::memcpy(&bytes, at, sizeof(bytes));
    const uint64_t quote = bytes ^ kEach * '"';
    const uint64_t escape = bytes ^ kEach * '\\';
    const uint64_t low =
        ((quote - kEach) & ~quote) | ((escape - kEach) & ~escape) | (bytes - kEach * 0x20);
    return (low | bytes) & kEach * 0x80;
  }

  bool Number() {
    const char* const begin = at_;
    const bool is_negative = Take('-');
    const char* const first = at_;
    uint64_t digits = 0;
    const auto take_digits = [&] {
      for (; at_ != end_ && *at_ >= '0' && *at_ <= '9'; ++at_) {
        digits = digits * 10 + static_cast<uint64_t>(*at_ - '0');
      }
    };
    take_digits();
    if (at_ == first || (*first == '0' && at_ - first > 1)) return false;
    const bool is_integer = at_ == end_ || (*at_ != '.' && *at_ != 'e' && *at_ != 'E');
    if (is_integer) {
      // A zero has no sign; more digits than these may be more than a double holds.
      if (at_ - first > kExactDigits || (is_negative && digits == 0)) return false;
      sink_.Number(is_negative ? -static_cast<double>(digits) : static_cast<double>(digits));
      return true;
    }
    if (Take('.')) {
      const char* const point = at_;
      take_digits();
      if (at_ == point) return false;
      const bool has_exponent = at_ != end_ && (*at_ == 'e' || *at_ == 'E');
      // Both are exact, so their quotient is the double that is nearest.
      if (!has_exponent && at_ - first - 1 <= kExactDigits) {
        const double value = static_cast<double>(digits) / kPowers[at_ - point];
        sink_.Number(is_negative ? -value : value);
        return true;
      }
    }
    if (at_ != end_ && (*at_ == 'e' || *at_ == 'E')) {
      ++at_;
      if (at_ != end_ && (*at_ == '+' || *at_ == '-')) ++at_;
      const char* const exponent = at_;
      take_digits();
      if (at_ == exponent) return false;
    }
    double value = 0;
    const auto [stop, error] = std::from_chars(begin, at_, value);
    if (error != std::errc() || stop != at_) return false;
    sink_.Number(value);
    return true;
  }

  static constexpr int kExactDigits = 15;
  static constexpr double kPowers[kExactDigits + 1] = {
      1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};

  const char* at_;
  const char* const end_;
  Sink& sink_;
};

}  // namespace stockroom::api
