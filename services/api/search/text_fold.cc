#include "services/api/search/text_fold.h"

#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>
#include <unicode/uscript.h>
#include <unicode/utf8.h>

#include <algorithm>

namespace stockroom::api {
namespace {

bool IsAscii(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x80; });
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
  if (u_charType(c) != U_NON_SPACING_MARK || c == 0x3099 || c == 0x309A) return false;
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

enum class CharKind { kSeparator, kRun, kMark, kAlone };

CharKind KindOf(UChar32 c) {
  if (c < 0x80) return u_isalnum(c) ? CharKind::kRun : CharKind::kSeparator;
  const uint32_t category = U_GET_GC_MASK(c);
  if (category & U_GC_M_MASK) return CharKind::kMark;
  if (category & (U_GC_L_MASK | U_GC_N_MASK)) {
    return IsWrittenWithoutSpaces(c) ? CharKind::kAlone : CharKind::kRun;
  }
  // U+FFFD stands for what is not text.
  return (category & U_GC_SO_MASK) && c != 0xFFFD ? CharKind::kAlone : CharKind::kSeparator;
}

}  // namespace

std::string FoldText(std::string_view text) {
  std::string folded;
  folded.reserve(text.size());
  if (IsAscii(text)) {
    for (const char c : text) folded += LowerAscii(c);
    return folded;
  }
  UErrorCode error = U_ZERO_ERROR;
  const icu::Normalizer2* fold = icu::Normalizer2::getNFKCCasefoldInstance(error);
  const icu::Normalizer2* decompose = icu::Normalizer2::getNFDInstance(error);
  // Their tables are compiled into the library.
  if (U_FAILURE(error)) return std::string(text);
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
  return folded;
}

std::string FoldLine(std::string_view text) {
  const std::string folded = FoldText(text);
  std::string line;
  line.reserve(folded.size());
  bool gap = false;
  for (int32_t i = 0, size = static_cast<int32_t>(folded.size()); i < size;) {
    const int32_t begin = i;
    UChar32 c = 0;
    U8_NEXT(folded.data(), i, size, c);
    if (c >= 0 && u_isUWhiteSpace(c)) {
      gap = true;
      continue;
    }
    if (gap && !line.empty()) line += ' ';
    gap = false;
    line.append(folded, begin, i - begin);
  }
  return line;
}

std::vector<std::string> SplitWords(std::string_view folded) {
  std::vector<std::string> words;
  // The kind of the character before: marks stay with what they mark.
  CharKind before = CharKind::kSeparator;
  for (int32_t i = 0, size = static_cast<int32_t>(folded.size()); i < size;) {
    const int32_t begin = i;
    UChar32 c = 0;
    U8_NEXT(folded.data(), i, size, c);
    CharKind kind = c < 0 ? CharKind::kSeparator : KindOf(c);
    const bool continues =
        before != CharKind::kSeparator &&
        (kind == CharKind::kMark || (kind == CharKind::kRun && before == CharKind::kRun));
    if (kind == CharKind::kMark) kind = continues ? before : CharKind::kSeparator;
    if (kind != CharKind::kSeparator) {
      if (!continues) words.emplace_back();
      words.back().append(folded.substr(begin, i - begin));
    }
    before = kind;
  }
  return words;
}

}  // namespace stockroom::api
