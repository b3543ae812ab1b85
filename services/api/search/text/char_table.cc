#include "services/api/search/text/char_table.h"

#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>
#include <unicode/uscript.h>
#include <unicode/utf8.h>

#include <array>
#include <atomic>
#include <cstring>
#include <memory>

namespace stockroom::api::char_table {
namespace {

constexpr UChar32 kOfPage = 256;
using Page = std::array<Character, kOfPage>;

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

void AppendUtf8(std::string& out, UChar32 c) {
  char bytes[U8_MAX_LENGTH];
  int32_t length = 0;
  U8_APPEND_UNSAFE(bytes, length, c);
  out.append(bytes, length);
}

// Calls `take` with each character of the folded text, without accents.
template <typename Take>
bool ForEachFolded(const icu::UnicodeString& source, Take take) {
  UErrorCode error = U_ZERO_ERROR;
  const icu::Normalizer2* fold = icu::Normalizer2::getNFKCCasefoldInstance(error);
  const icu::Normalizer2* decompose = icu::Normalizer2::getNFDInstance(error);
  // Their tables are compiled into the library.
  if (U_FAILURE(error)) return false;
  const icu::UnicodeString plain = decompose->normalize(fold->normalize(source, error), error);
  for (int32_t i = 0; i < plain.length();) {
    const UChar32 c = plain.char32At(i);
    i += U16_LENGTH(c);
    if (!IsAccent(c)) take(c);
  }
  return true;
}

void AppendPlain(std::string& out, UChar32 c) {
  const std::string_view letter = PlainLetter(c);
  if (letter.empty()) {
    AppendUtf8(out, c);
  } else {
    out += letter;
  }
}

// A text is folded by folding each of its characters, decomposing them and then putting marks that
// follow one another into an order of their own. So what has a mark in it that is no accent, which
// would be dropped, depends on its neighbours.
Character Read(UChar32 c) {
  Character character{.kind = KindOf(c)};
  std::string folded;
  bool is_alone = true;
  const bool is_known = ForEachFolded(icu::UnicodeString(c), [&](UChar32 part) {
    is_alone = is_alone && u_getCombiningClass(part) == 0;
    AppendPlain(folded, part);
  });
  if (!is_known || !is_alone || folded.size() > sizeof(character.bytes)) return character;
  character.size = static_cast<uint8_t>(folded.size());
  std::memcpy(character.bytes, folded.data(), folded.size());
  return character;
}

const Page& MakePage(std::atomic<const Page*>& place, UChar32 first) {
  auto page = std::make_unique<Page>();
  for (UChar32 i = 0; i < kOfPage; ++i) (*page)[static_cast<size_t>(i)] = Read(first + i);
  const Page* there = nullptr;
  if (!place.compare_exchange_strong(there, page.get(), std::memory_order_acq_rel)) return *there;
  return *page.release();
}

}  // namespace

CharKind KindOf(UChar32 c) {
  const uint32_t category = U_GET_GC_MASK(c);
  if (category & U_GC_M_MASK) return CharKind::kMark;
  if (category & (U_GC_L_MASK | U_GC_N_MASK)) {
    return IsWrittenWithoutSpaces(c) ? CharKind::kAlone : CharKind::kRun;
  }
  // U+FFFD stands for what is not text.
  return (category & U_GC_SO_MASK) && c != 0xFFFD ? CharKind::kAlone : CharKind::kSeparator;
}

const Character& CharacterOf(UChar32 c) {
  // Never freed: threads may look up characters until the process ends.
  static std::array<std::atomic<const Page*>, (kLastOfTable + 1) / kOfPage> pages{};
  const auto number = static_cast<size_t>(c / kOfPage);
  const Page* page = pages[number].load(std::memory_order_acquire);
  if (page == nullptr) page = &MakePage(pages[number], c / kOfPage * kOfPage);
  return (*page)[static_cast<size_t>(c % kOfPage)];
}

void FoldWhole(std::string_view text, std::string& folded) {
  const auto source = icu::UnicodeString::fromUTF8(
      icu::StringPiece(text.data(), static_cast<int32_t>(text.size())));
  if (!ForEachFolded(source, [&](UChar32 c) { AppendPlain(folded, c); })) folded += text;
}

}  // namespace stockroom::api::char_table
