#include "services/api/search/text/text_fold.h"

#include <unicode/uchar.h>
#include <unicode/utf8.h>

#include <array>

#include "services/api/search/text/char_table.h"

namespace stockroom::api {
namespace {

using char_table::CharKind;

bool IsAscii(char c) { return static_cast<unsigned char>(c) < 0x80; }

bool IsAscii(std::string_view text) {
  // All of it, so that it is done many bytes at a time.
  unsigned char any = 0;
  for (const char c : text) any |= static_cast<unsigned char>(c);
  return any < 0x80;
}

char LowerAscii(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// Letters and digits: most text needs no look into Unicode's tables.
constexpr std::array<bool, 128> AsciiWord() {
  std::array<bool, 128> is{};
  for (int c = 0; c < 128; ++c) {
    is[c] = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  }
  return is;
}
constexpr std::array<bool, 128> kAsciiWord = AsciiWord();

CharKind KindInWord(UChar32 c) {
  return c <= char_table::kLastOfTable ? char_table::CharacterOf(c).kind : char_table::KindOf(c);
}

// Appends it.
void FoldPiece(std::string_view piece, std::string& folded) {
  const size_t before = folded.size();
  for (int32_t i = 0, size = static_cast<int32_t>(piece.size()); i < size;) {
    UChar32 c = 0;
    U8_NEXT(piece.data(), i, size, c);
    const char_table::Character* character =
        c >= 0 && c <= char_table::kLastOfTable ? &char_table::CharacterOf(c) : nullptr;
    if (character == nullptr || character->size == char_table::Character::kDepends) {
      folded.resize(before);
      return char_table::FoldWhole(piece, folded);
    }
    folded += character->folded();
  }
}

}  // namespace

bool IsFoldedLine(std::string_view text) {
  char before = ' ';
  for (const char c : text) {
    if (static_cast<unsigned char>(c) >= 0x80 || (c >= 'A' && c <= 'Z')) return false;
    if (c >= '\t' && c <= '\r') return false;
    if (c == ' ' && before == ' ') return false;
    before = c;
  }
  return text.empty() || before != ' ';
}

std::string FoldText(std::string_view text) {
  std::string folded;
  folded.reserve(text.size());
  const auto append_ascii = [&](size_t begin, size_t end) {
    const size_t at = folded.size();
    folded.append(text, begin, end - begin);
    for (size_t i = at; i < folded.size(); ++i) folded[i] = LowerAscii(folded[i]);
  };
  if (IsAscii(text)) {
    append_ascii(0, text.size());
    return folded;
  }
  for (size_t i = 0; i < text.size();) {
    size_t other = i;
    while (other < text.size() && IsAscii(text[other])) ++other;
    if (other == text.size()) {
      append_ascii(i, other);
      break;
    }
    // An accent goes with the letter before it. ASCII goes with nothing before it, so what follows
    // two of it is folded by itself.
    const size_t begin = other > i ? other - 1 : other;
    append_ascii(i, begin);
    size_t end = other + 1;
    while (end < text.size() &&
           !(IsAscii(text[end]) && (end + 1 == text.size() || IsAscii(text[end + 1])))) {
      ++end;
    }
    FoldPiece(text.substr(begin, end - begin), folded);
    i = end;
  }
  return folded;
}

std::string FoldLine(std::string_view text) {
  if (IsFoldedLine(text)) return std::string(text);
  std::string line = FoldText(text);
  // One space for at least one: what is kept never overtakes what is read.
  size_t length = 0;
  bool gap = false;
  for (int32_t i = 0, size = static_cast<int32_t>(line.size()); i < size;) {
    const int32_t begin = i;
    UChar32 c = static_cast<uint8_t>(line[begin]);
    bool is_space = false;
    if (c < 0x80) {
      is_space = c == ' ' || (c >= '\t' && c <= '\r');
      ++i;
    } else {
      U8_NEXT(line.data(), i, size, c);
      is_space = c >= 0 && u_isUWhiteSpace(c);
    }
    if (is_space) {
      gap = true;
      continue;
    }
    if (gap && length > 0) line[length++] = ' ';
    gap = false;
    for (int32_t at = begin; at < i; ++at) line[length++] = line[at];
  }
  line.resize(length);
  return line;
}

void ForEachWord(std::string_view folded, absl::FunctionRef<void(std::string_view)> visit) {
  // The kind of the character before: marks stay with what they mark.
  CharKind before = CharKind::kSeparator;
  size_t word = 0;  // where it begins, if `before` is not a separator
  for (int32_t i = 0, size = static_cast<int32_t>(folded.size()); i < size;) {
    const int32_t begin = i;
    CharKind kind;
    if (const auto byte = static_cast<uint8_t>(folded[begin]); byte < 0x80) {
      kind = kAsciiWord[byte] ? CharKind::kRun : CharKind::kSeparator;
      ++i;
      // The rest of the run goes on with it, whatever it began.
      while (kind == CharKind::kRun && i < size && IsAscii(folded[i]) &&
             kAsciiWord[static_cast<uint8_t>(folded[i])]) {
        ++i;
      }
    } else {
      UChar32 c = 0;
      U8_NEXT(folded.data(), i, size, c);
      kind = c < 0 ? CharKind::kSeparator : KindInWord(c);
    }
    const bool continues =
        before != CharKind::kSeparator &&
        (kind == CharKind::kMark || (kind == CharKind::kRun && before == CharKind::kRun));
    if (kind == CharKind::kMark) kind = continues ? before : CharKind::kSeparator;
    if (!continues) {
      if (before != CharKind::kSeparator) visit(folded.substr(word, begin - word));
      word = begin;
    }
    before = kind;
  }
  if (before != CharKind::kSeparator) visit(folded.substr(word));
}

bool IsOneCharacter(std::string_view word) {
  if (word.empty() || static_cast<uint8_t>(word[0]) < 0x80) return false;
  int32_t at = 0;
  UChar32 c = 0;
  U8_NEXT(word.data(), at, static_cast<int32_t>(word.size()), c);
  return c >= 0 && KindInWord(c) == CharKind::kAlone;
}

std::vector<std::string> SplitWords(std::string_view folded) {
  std::vector<std::string> words;
  ForEachWord(folded, [&](std::string_view word) { words.emplace_back(word); });
  return words;
}

}  // namespace stockroom::api
