#include "services/api/search/text/text_fold.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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
