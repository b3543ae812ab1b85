#include "services/api/search/query_parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/api/search/text_fold.h"
#include "services/common/base/status.h"

namespace stockroom::api {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

ParsedQuery Parsed(const std::string& text) {
  const auto query = ParseQuery(text);
  EXPECT_TRUE(query.ok()) << query.status();
  return query.value_or(ParsedQuery());
}

// "REASON@position".
std::string Refusal(const std::string& text) {
  const auto query = ParseQuery(text);
  if (query.ok()) return "accepted";
  EXPECT_EQ(query.status().code(), absl::StatusCode::kInvalidArgument);
  const ErrorDetails details = DetailsOf(query.status());
  const std::string position = details.metadata.at("position");
  EXPECT_THAT(std::string(query.status().message()), HasSubstr("position " + position));
  return details.reason + "@" + position;
}

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

TEST(ParseQuery, ReadsEveryKindOfTerm) {
  const ParsedQuery query = Parsed(
      "Sn\u00f6 \"Red  Fox\" tags:a,\"New York\",C date:*-12-2020 from:01-01-2020 "
      "to:2020-12-31 desc:\"in the Snow\" DESC:ice");
  EXPECT_THAT(query.words, ElementsAre(WordsTerm{{"sno"}, true}, WordsTerm{{"red", "fox"}, false}));
  EXPECT_THAT(query.tags, ElementsAre("a", "new york", "c"));
  EXPECT_THAT(query.dates, ElementsAre(DatePattern{0, 12, 2020}));
  EXPECT_EQ(query.from, 20200101);
  EXPECT_EQ(query.to, 20201231);
  EXPECT_THAT(query.description, ElementsAre("in the snow", "ice"));
}

TEST(ParseQuery, TakesAnEmptyQueryForEverything) {
  EXPECT_TRUE(Parsed("").MatchesAll());
  EXPECT_TRUE(Parsed(" \t\u3000 ").MatchesAll());
}

TEST(ParseQuery, SkipsPunctuationBetweenWords) {
  EXPECT_THAT(Parsed("paris - london").words,
              ElementsAre(WordsTerm{{"paris"}, true}, WordsTerm{{"london"}, true}));
  EXPECT_THAT(Parsed("IMG_12").words, ElementsAre(WordsTerm{{"img", "12"}, true}));
  EXPECT_EQ(Refusal("!!! \"\""), "QUERY_NO_WORDS@1");
}

TEST(ParseQuery, ReadsDates) {
  const auto date = [](const std::string& text) { return Parsed("date:" + text).dates.at(0); };
  EXPECT_EQ(date("24-12-2020"), (DatePattern{24, 12, 2020}));
  EXPECT_EQ(date("2020-12-24"), (DatePattern{24, 12, 2020}));
  EXPECT_EQ(date("4-2-2020"), (DatePattern{4, 2, 2020}));
  EXPECT_EQ(date("24-*-*"), (DatePattern{24, 0, 0}));
  EXPECT_EQ(date("2020-*-*"), (DatePattern{0, 0, 2020}));
  EXPECT_EQ(date("29-02-*"), (DatePattern{29, 2, 0}));
  EXPECT_EQ(date("29-02-2000"), (DatePattern{29, 2, 2000}));
}

TEST(ParseQuery, RefusesBadDatesWithTheirPosition) {
  for (const char* bad : {"date:", "date:yesterday", "date:24-13-2020", "date:31-04-2020",
                          "date:29-02-2021", "date:29-02-1900", "date:0-1-2020", "date:24-12-20",
                          "date:24-12", "date:24-12-2020-1", "date:-1-2-2020", "date:99999-1-1"}) {
    EXPECT_EQ(Refusal(bad), "QUERY_BAD_DATE@6") << bad;
  }
  EXPECT_EQ(Refusal("fox from:*-12-2020"), "QUERY_BAD_DATE@10");
  EXPECT_EQ(Refusal("to:24-12-*"), "QUERY_BAD_DATE@4");
}

TEST(ParseQuery, RefusesWhatItCanNotReadWithItsPosition) {
  EXPECT_EQ(Refusal("fox tag:a"), "QUERY_UNKNOWN_KEY@5");
  EXPECT_EQ(Refusal("format:"), "QUERY_EMPTY_VALUE@8");
  for (const char* bad : {"md5:", "md5:abc", "md5:0123456789abcdef0123456789abcdeg"}) {
    EXPECT_EQ(Refusal(bad), "QUERY_BAD_MD5@5") << bad;
  }
  EXPECT_EQ(Refusal("https://example.org"), "QUERY_UNKNOWN_KEY@1");
  EXPECT_EQ(Refusal("fox \"red"), "QUERY_UNTERMINATED_QUOTE@5");
  EXPECT_EQ(Refusal("desc:\"red"), "QUERY_UNTERMINATED_QUOTE@6");
  EXPECT_EQ(Refusal("tags:"), "QUERY_EMPTY_VALUE@6");
  EXPECT_EQ(Refusal("tags:a,,b"), "QUERY_EMPTY_VALUE@8");
  EXPECT_EQ(Refusal("tags:a,"), "QUERY_EMPTY_VALUE@8");
  EXPECT_EQ(Refusal("desc:\"  \""), "QUERY_EMPTY_VALUE@6");
  EXPECT_EQ(Refusal("a\xff"), "QUERY_NOT_TEXT@1");
  EXPECT_THAT(std::string(ParseQuery("tag:a").status().message()), HasSubstr("tags:"));
}

TEST(ParseQuery, KeepsItsLimits) {
  EXPECT_TRUE(ParseQuery(std::string(kMaxQueryBytes, 'a')).ok());
  EXPECT_EQ(Refusal(std::string(kMaxQueryBytes + 1, 'a')), "QUERY_TOO_LONG@1001");
  std::string terms;
  for (int i = 0; i < kMaxQueryTerms; ++i) terms += "a ";
  EXPECT_TRUE(ParseQuery(terms).ok());
  EXPECT_EQ(Refusal(terms + "b"), "QUERY_TOO_MANY_TERMS@65");
  EXPECT_EQ(Refusal(terms + "tags:x"), "QUERY_TOO_MANY_TERMS@70");
}

}  // namespace
}  // namespace stockroom::api
