#include "services/api/search/text/text_fold.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>

namespace stockroom::api {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(FoldText, ForgetsCaseAndAccentsButKeepsScripts) {
  EXPECT_EQ(FoldText("Ångström ÉCOLE"), "angstrom ecole");
  EXPECT_EQ(FoldText("Straße Łódź Ærø"), "strasse lodz aero");
  EXPECT_EQ(FoldText("ﬁn Ａ１ İ"), "fin a1 i");
  EXPECT_EQ(FoldText("Ёлка"), FoldText("елка"));
  EXPECT_EQ(FoldText("ΆΛΦΑ"), FoldText("αλφα"));
  EXPECT_NE(FoldText("か"), FoldText("が"));
  EXPECT_NE(FoldText("कि"), FoldText("कु"));
  EXPECT_EQ(FoldText("e\xcc\x81"), "e");
}

std::string Utf8(char32_t c) {
  if (c < 0x80) return {static_cast<char>(c)};
  const auto low = [&](int shift) { return static_cast<char>(0x80 | (c >> shift & 0x3f)); };
  if (c < 0x800) return {static_cast<char>(0xc0 | c >> 6), low(0)};
  return {static_cast<char>(0xe0 | c >> 12), low(6), low(0)};
}

// A character from beyond the table, behind a text, has all of it folded as a whole.
std::string FoldedAsAWhole(const std::string& text) {
  const std::string fox = "🦊";
  std::string folded = FoldText(text + fox);
  EXPECT_TRUE(folded.ends_with(fox)) << text;
  return folded.substr(0, folded.size() - fox.size());
}

TEST(FoldText, FoldsCharactersOneByOneAsItWouldTheWholeText) {
  std::mt19937 random(1);
  const auto some = [&](char32_t first, char32_t last) {
    return Utf8(first + static_cast<char32_t>(random()) % (last - first + 1));
  };
  for (char32_t c = 0x80; c < 0x10000; ++c) {
    if (c >= 0xd800 && c < 0xe000) continue;  // surrogates are no characters
    ASSERT_EQ(FoldText(Utf8(c)), FoldedAsAWhole(Utf8(c))) << static_cast<uint32_t>(c);
    // Accents, Thai vowels and tones, parts of Korean syllables, and anything.
    const std::string text = Utf8(c) + some(0x300, 0x36f) + some(0xe31, 0xe4e) +
                             some(0x1100, 0x11ff) + Utf8(c) + some(0x80, 0xd7ff);
    ASSERT_EQ(FoldText(text), FoldedAsAWhole(text)) << text;
  }
  // A vowel below a letter comes before the tone above it, however they were typed.
  EXPECT_EQ(FoldText("\u0e01\u0e48\u0e38"), FoldText("\u0e01\u0e38\u0e48"));
}

TEST(FoldText, SurvivesBytesThatAreNotText) {
  EXPECT_THAT(SplitWords(FoldText("a\xff\xfe b\xc3")), ElementsAre("a", "b"));
}

TEST(FoldLine, ReducesWhiteSpace) { EXPECT_EQ(FoldLine("  In\n\t the\u3000Snow "), "in the snow"); }

TEST(SplitWords, SplitsAtPunctuationAndScriptsWithoutSpaces) {
  EXPECT_THAT(SplitWords("img_1234-a.jpg"), ElementsAre("img", "1234", "a", "jpg"));
  EXPECT_THAT(SplitWords("富士山2020"), ElementsAre("富", "士", "山", "2020"));
  EXPECT_THAT(SplitWords(FoldText("कुत्ता घर")), ElementsAre(FoldText("कुत्ता"), FoldText("घर")));
  EXPECT_THAT(SplitWords("a🦊b"), ElementsAre("a", "🦊", "b"));
  EXPECT_THAT(SplitWords(" -!?\u0301"), IsEmpty());
}

}  // namespace
}  // namespace stockroom::api
