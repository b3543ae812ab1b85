#include "services/api/search/text/text_fold.h"

#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>
#include <unicode/uscript.h>
#include <unicode/utf8.h>

#include <algorithm>
#include <array>

namespace stockroom::api {
namespace {

bool IsAscii(char c) { return static_cast<unsigned char>(c) < 0x80; }

bool IsAscii(std::string_view text) {
  // All of it, so that it is done many bytes at a time.
  unsigned char any = 0;
  for (const char c : text) any |= static_cast<unsigned char>(c);
  return any < 0x80;
}

char LowerAscii(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// Latin letters that Unicode does not decompose, but people type without.
std::string_view PlainLetter(UChar32 c) {
  switch (c) {
    case 0x00E6:
      return "ae";
    case 0x00F0:
      return "d";
    case 0x00F8:
      return "o";
    case 0x00FE:
      return "th";
    case 0x0111:
      return "d";
    case 0x0127:
      return "h";
    case 0x0131:
      return "i";
    case 0x0142:
      return "l";
    case 0x0153:
      return "oe";
    case 0x0167:
      return "t";
    default:
      return {};
  }
}

// Marks that belong to no script are accents. Those of Indic scripts are vowels; the two excepted
// tell kana such as か and が apart.
bool IsAccent(UChar32 c) {
  constexpr UChar32 kFirstMark = 0x300;
  if (c < kFirstMark || u_charType(c) != U_NON_SPACING_MARK || c == 0x3099 || c == 0x309A)
    return false;
  UErrorCode error = U_ZERO_ERROR;
  return uscript_getScript(c, &error) == USCRIPT_INHERITED;
}

void AppendUtf8(std::string& out, UChar32 c) {
  char bytes[U8_MAX_LENGTH];
  int32_t length = 0;
  U8_APPEND_UNSAFE(bytes, length, c);
  out.append(bytes, length);
}

bool IsWrittenWithoutSpaces(UChar32 c) {
  UErrorCode error = U_ZERO_ERROR;
  switch (uscript_getScript(c, &error)) {
    case USCRIPT_HAN:
    case USCRIPT_HIRAGANA:
    case USCRIPT_KATAKANA:
    case USCRIPT_THAI:
    case USCRIPT_LAO:
    case USCRIPT_KHMER:
    case USCRIPT_MYANMAR:
      return true;
    default:
      return false;
  }
}

// Letters and digits: most text needs no look into Unicode's tables.
constexpr std::array<bool, 128> AsciiWord() {
  std::array<bool, 128> is{};
  for (int c = 0; c < 128; ++c) {
    is[c] = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  }
  return is;
}
constexpr std::array<bool, 128> kAsciiWord = AsciiWord();

enum class CharKind { kSeparator, kRun, kMark, kAlone };

CharKind KindOf(UChar32 c) {
  const uint32_t category = U_GET_GC_MASK(c);
  if (category & U_GC_M_MASK) return CharKind::kMark;
  if (category & (U_GC_L_MASK | U_GC_N_MASK)) {
    return IsWrittenWithoutSpaces(c) ? CharKind::kAlone : CharKind::kRun;
  }
  // U+FFFD stands for what is not text.
  return (category & U_GC_SO_MASK) && c != 0xFFFD ? CharKind::kAlone : CharKind::kSeparator;
}

// Appends it.
void FoldPiece(std::string_view text, std::string& folded) {
  UErrorCode error = U_ZERO_ERROR;
  const icu::Normalizer2* fold = icu::Normalizer2::getNFKCCasefoldInstance(error);
  const icu::Normalizer2* decompose = icu::Normalizer2::getNFDInstance(error);
  // Their tables are compiled into the library.
  if (U_FAILURE(error)) {
    folded += text;
    return;
  }
  const auto source = icu::UnicodeString::fromUTF8(
      icu::StringPiece(text.data(), static_cast<int32_t>(text.size())));
  const icu::UnicodeString plain = decompose->normalize(fold->normalize(source, error), error);
  for (int32_t i = 0; i < plain.length();) {
    const UChar32 c = plain.char32At(i);
    i += U16_LENGTH(c);
    if (IsAccent(c)) continue;
    const std::string_view letter = PlainLetter(c);
    if (letter.empty()) {
      AppendUtf8(folded, c);
    } else {
      folded += letter;
    }
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
    for (size_t i = begin; i < end; ++i) folded += LowerAscii(text[i]);
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
  const std::string folded = FoldText(text);
  std::string line(folded.size(), '\0');
  size_t length = 0;
  bool gap = false;
  for (int32_t i = 0, size = static_cast<int32_t>(folded.size()); i < size;) {
    const int32_t begin = i;
    UChar32 c = static_cast<uint8_t>(folded[begin]);
    bool is_space = false;
    if (c < 0x80) {
      is_space = c == ' ' || (c >= '\t' && c <= '\r');
      ++i;
    } else {
      U8_NEXT(folded.data(), i, size, c);
      is_space = c >= 0 && u_isUWhiteSpace(c);
    }
    if (is_space) {
      gap = true;
      continue;
    }
    // One space for at least one: the line is never longer than the text.
    if (gap && length > 0) line[length++] = ' ';
    gap = false;
    for (int32_t at = begin; at < i; ++at) line[length++] = folded[at];
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
      kind = c < 0 ? CharKind::kSeparator : KindOf(c);
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
  return c >= 0 && KindOf(c) == CharKind::kAlone;
}

std::vector<std::string> SplitWords(std::string_view folded) {
  std::vector<std::string> words;
  ForEachWord(folded, [&](std::string_view word) { words.emplace_back(word); });
  return words;
}

}  // namespace stockroom::api
