#include "services/api/search/similar/result_reader.h"

#include <bit>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <system_error>

namespace stockroom::api {
namespace {

constexpr int kDeepest = 32;

}  // namespace

bool ResultReader::AtEnd() {
  SkipSpace();
  return at_ == text_.size();
}

char ResultReader::Peek() {
  SkipSpace();
  if (!ok_ || at_ >= text_.size()) return '\0';
  const char c = text_[at_];
  return c == '-' || (c >= '0' && c <= '9') ? '0' : c;
}

void ResultReader::Enter(char bracket) {
  ok_ = ok_ && Take(bracket);
  first_ = true;
}

bool ResultReader::Next(char closing) {
  if (!ok_) return false;
  const bool first = first_;
  first_ = false;
  if (Take(closing)) return false;
  ok_ = first || Take(',');
  return ok_;
}

bool ResultReader::NextMember(std::string_view& key) {
  if (!Next('}')) return false;
  key = String();
  ok_ = ok_ && Take(':');
  return ok_;
}

bool ResultReader::NextElement() { return Next(']'); }

void ResultReader::SkipPlain() {
  static_assert(std::endian::native == std::endian::little);
  constexpr uint64_t kEach = 0x0101010101010101;
  for (; text_.size() - at_ >= sizeof(uint64_t); at_ += sizeof(uint64_t)) {
    uint64_t bytes = 0;
    std::memcpy(&bytes, text_.data() + at_, sizeof(bytes));
    const uint64_t quote = bytes ^ kEach * '"';
    const uint64_t escape = bytes ^ kEach * '\\';
    // The high bit of the first byte that is one of the two, and maybe of others behind it.
    const uint64_t found =
        (((quote - kEach) & ~quote) | ((escape - kEach) & ~escape)) & kEach * 0x80;
    if (found == 0) continue;
    at_ += static_cast<size_t>(std::countr_zero(found)) / 8;
    return;
  }
}

std::string_view ResultReader::String() {
  ok_ = ok_ && Take('"');
  if (!ok_) return {};
  const size_t begin = at_;
  for (SkipPlain(); at_ < text_.size(); ++at_) {
    if (text_[at_] == '"') return text_.substr(begin, at_++ - begin);
    if (text_[at_] == '\\') ++at_;
  }
  ok_ = false;
  return {};
}

double ResultReader::Number() {
  if (Peek() != '0') ok_ = false;
  if (!ok_) return 0;
  double value = 0;
  const char* const end = text_.data() + text_.size();
  const auto [stop, error] = std::from_chars(text_.data() + at_, end, value);
  ok_ = error == std::errc();
  if (!ok_) return 0;
  at_ = static_cast<size_t>(stop - text_.data());
  return value;
}

void ResultReader::SkipNumber() {
  const size_t begin = at_;
  while (at_ < text_.size() &&
         ((text_[at_] >= '0' && text_[at_] <= '9') || text_[at_] == '.' || text_[at_] == '-' ||
          text_[at_] == '+' || text_[at_] == 'e' || text_[at_] == 'E')) {
    ++at_;
  }
  const char last = at_ > begin ? text_[at_ - 1] : '\0';
  ok_ = last >= '0' && last <= '9';
}

void ResultReader::Skip() {
  // What has to be closed, innermost last.
  char open[kDeepest];
  int depth = 0;
  do {
    switch (const char kind = Peek()) {
      case '{':
      case '[':
        ok_ = depth < kDeepest;
        if (!ok_) return;
        Enter(kind);
        open[depth++] = kind;
        break;
      case '"':
        String();
        break;
      case '0':
        SkipNumber();
        break;
      case 't':
      case 'f':
      case 'n': {
        const std::string_view word = kind == 't' ? "true" : kind == 'f' ? "false" : "null";
        ok_ = text_.substr(at_, word.size()) == word;
        at_ += ok_ ? word.size() : 0;
        break;
      }
      default:
        ok_ = false;
    }
    std::string_view key;
    while (depth > 0 && !(open[depth - 1] == '{' ? NextMember(key) : NextElement())) {
      if (!ok_) return;
      --depth;
    }
  } while (ok_ && depth > 0);
}

}  // namespace stockroom::api
