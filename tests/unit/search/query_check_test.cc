// Queries as trees: checks, canonical text, words.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/api/search/query/check.h"
#include "services/api/search/query/date.h"
#include "services/api/search/query/fields.h"
#include "services/api/search/query/query_parser.h"
#include "services/api/search/query/words.h"
#include "services/common/base/status.h"
#include "tests/unit/search/random_query.h"

namespace stockroom::api {
namespace {

using ::testing::ElementsAre;

QueryNode Word(const std::string& word) { return {WordsNode{{word}, true}}; }

Query Parsed(const std::string& text) { return ParseSearchQuery(text).value(); }

std::string ReasonOf(const absl::Status& status) {
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  return DetailsOf(status).reason;
}

// The canonical text of the checked query, or the reason.
std::string Checked(QueryNode root) {
  const auto query = CheckQuery(Query{std::move(root)});
  return query.ok() ? CanonicalText(*query) : ReasonOf(query.status());
}

TEST(CheckQuery, BringsGroupsIntoTheirSimplestForm) {
  EXPECT_EQ(Checked({AndNode{{{AndNode{{Word("a"), Word("b")}}}, {EverythingNode{}}, Word("c")}}}),
            "a b c");
  EXPECT_EQ(Checked({OrNode{{{OrNode{{Word("a"), Word("b")}}}}}}), "a OR b");
  EXPECT_EQ(Checked({NotNode{{{NotNode{{Word("a")}}}}}}), "a");
  EXPECT_EQ(Checked({AndNode{{{EverythingNode{}}}}}), "");
  EXPECT_EQ(Checked({NotNode{{{EverythingNode{}}}}}), "-*");
}

TEST(CheckQuery, FoldsWhatIsCompared) {
  EXPECT_EQ(Checked({WordsNode{{"Red", "Fox-Terrier"}, false}}), "\"red fox terrier\"");
  EXPECT_EQ(Checked({TagNode{"  New\n York", true}}), "tag:\"new york\"*");
  EXPECT_EQ(Checked({ValueNode{ValueField::kFormat, "JPG"}}), "format:jpeg");
  EXPECT_EQ(Checked({ValueNode{ValueField::kCamera, "Canon, EOS", true}}), "camera:\"canon eos\"");
}

TEST(CheckQuery, KeepsQuotesThatAreInValues) {
  const Query query = CheckQuery({{TagNode{"the \"big\" one"}}}).value();
  EXPECT_EQ(ParseSearchQuery(CanonicalText(query)).value(), query);
}

TEST(CheckQuery, RefusesWhatBreaksARule) {
  EXPECT_EQ(Checked({AndNode{}}), "QUERY_EMPTY_LIST");
  EXPECT_EQ(Checked({NotNode{}}), "QUERY_EMPTY_LIST");
  EXPECT_EQ(Checked({NotNode{{Word("a"), Word("b")}}}), "QUERY_BAD_VALUE");
  EXPECT_EQ(Checked({WordsNode{}}), "QUERY_EMPTY_VALUE");
  EXPECT_EQ(Checked({WordsNode{{"a", ""}}}), "QUERY_EMPTY_VALUE");
  EXPECT_EQ(Checked({WordsNode{{"a"}, true, 0}}), "QUERY_BAD_VALUE");
  EXPECT_EQ(Checked({WordsNode{{"a"}, true, 0x20}}), "QUERY_BAD_VALUE");
  EXPECT_EQ(Checked({WordsNode{{"a"}, true, kEveryField, 3}}), "QUERY_BAD_TYPOS");
  EXPECT_EQ(Checked({WordsNode{{"a"}, true, kEveryField, -1}}), "QUERY_BAD_TYPOS");
  EXPECT_EQ(Checked({WordsNode{{"a", "b"}, true, kEveryField, 1}}), "QUERY_BAD_TYPOS");
  EXPECT_EQ(Checked({TagNode{" "}}), "QUERY_EMPTY_VALUE");
  EXPECT_EQ(Checked({ValueNode{ValueField::kOwner, "a\"b"}}), "QUERY_BAD_VALUE");
  EXPECT_EQ(Checked({ValueNode{ValueField::kOwner, "a", true}}), "QUERY_NO_PREFIX");
  EXPECT_EQ(Checked({ValueNode{ValueField::kState, "tired"}}), "QUERY_BAD_VALUE");
  EXPECT_EQ(Checked({ValueNode{ValueField::kDataset, std::string("a\0b", 3)}}), "QUERY_NOT_TEXT");
  EXPECT_EQ(Checked({RangeNode{NumberField::kWidth, 5, 4}}), "QUERY_BAD_RANGE");
  EXPECT_EQ(Checked({RangeNode{NumberField::kWidth, -1, 4}}), "QUERY_BAD_RANGE");
  EXPECT_EQ(Checked({RangeNode{NumberField::kTaken, 20240230, 20240301}}), "QUERY_BAD_RANGE");
  EXPECT_EQ(Checked({DatePattern{31, 4, 0}}), "QUERY_BAD_DATE");
  EXPECT_EQ(Checked({DatePattern{1, 1, 10000}}), "QUERY_BAD_DATE");
  EXPECT_EQ(Checked({NearNode{91, 0, 1}}), "QUERY_BAD_NUMBER");
  EXPECT_EQ(Checked({NearNode{0, std::nan(""), 1}}), "QUERY_BAD_NUMBER");
  EXPECT_EQ(Checked({HashNode{{}, 65}}), "QUERY_BAD_NUMBER");
  EXPECT_EQ(Checked({SimilarNode{"../x"}}), "QUERY_BAD_VALUE");
  EXPECT_EQ(Checked({Md5Node{"short"}}), "QUERY_BAD_MD5");
  EXPECT_EQ(Checked({ColorNode{0x1000000}}), "QUERY_BAD_VALUE");
}

TEST(CheckQuery, KeepsItsBounds) {
  std::vector<QueryNode> many(kMaxQueryLeaves, Word("a"));
  EXPECT_TRUE(CheckQuery({{AndNode{many}}}).ok());
  many.push_back(Word("a"));
  EXPECT_EQ(Checked({AndNode{many}}), "QUERY_TOO_MANY_TERMS");
  const auto deep = [](int levels) {
    QueryNode node = Word("a");
    for (int i = 1; i < levels; ++i) node = {OrNode{{std::move(node)}}};
    return node;
  };
  EXPECT_TRUE(CheckQuery({deep(kMaxQueryLevels)}).ok());
  EXPECT_EQ(Checked(deep(kMaxQueryLevels + 1)), "QUERY_TOO_DEEP");
  EXPECT_EQ(Checked({TagNode{std::string(kMaxValueBytes + 1, 'a')}}), "QUERY_TOO_LONG");
  EXPECT_EQ(Checked({WordsNode{{std::string(kMaxCanonicalBytes + 1, 'a')}}}), "QUERY_TOO_LONG");
  const std::vector<QueryNode> long_ones(kMaxQueryLeaves,
                                         {TagNode{std::string(kMaxQueryBytes, 'a')}});
  EXPECT_EQ(Checked({OrNode{long_ones}}), "QUERY_TOO_LONG");
}

TEST(CheckQuery, KeepsOfEqualPartsTheFirst) {
  EXPECT_EQ(CheckQuery({{AndNode{{Word("a"), Word("b"), Word("a")}}}}).value(), Parsed("a b"));
  EXPECT_EQ(CheckQuery({{OrNode{{Word("a"), Word("a")}}}}).value(), Parsed("a"));
  EXPECT_EQ(Parsed("(a b) OR c OR (a b)"), Parsed("a b OR c"));
  EXPECT_EQ(Parsed("a NOT b NOT b"), Parsed("a NOT b"));
}

TEST(CheckQuery, TakesWhateverTheLanguageGave) {
  // Folded, these are six words, and eleven times as many bytes.
  for (const std::string letter : {"\u3316", "\ufdfa"}) {
    std::string text = "\"";
    while (text.size() + letter.size() < kMaxQueryBytes) text += letter;
    const Query query = Parsed(text + "\"");
    EXPECT_EQ(CheckQuery(query).value(), query);
    EXPECT_EQ(ParseSearchQuery(CanonicalText(query), kMaxCanonicalBytes).value(), query);
  }
  const WordsNode phrase{std::vector<std::string>(kMaxQueryWords / 2, "a"), false};
  EXPECT_TRUE(CheckQuery({{AndNode{{{phrase}, {phrase}}}}}).ok());
  EXPECT_EQ(Checked({AndNode{{{phrase}, {phrase}, Word("a")}}}), "QUERY_TOO_MANY_TERMS");
}

TEST(CanonicalText, IsReadAsTheSameQuery) {
  test::RandomQueries queries(1);
  for (int round = 0; round < 3000; ++round) {
    const auto query = CheckQuery(queries.Next());
    ASSERT_TRUE(query.ok()) << query.status();
    const std::string text = CanonicalText(*query);
    const auto again = ParseSearchQuery(text, kMaxCanonicalBytes);
    ASSERT_TRUE(again.ok()) << text << ": " << again.status();
    ASSERT_EQ(*again, *query) << text;
    ASSERT_EQ(CanonicalText(*again), text);
    const auto checked = CheckQuery(*again);
    ASSERT_TRUE(checked.ok()) << text << ": " << checked.status();
    ASSERT_EQ(*checked, *query) << text;
  }
}

TEST(Builders, AreTheLanguageInOtherWords) {
  const auto same = [](const absl::StatusOr<QueryNode>& node, const std::string& text) {
    ASSERT_TRUE(node.ok()) << text << ": " << node.status();
    EXPECT_EQ(*node, Parsed(text).root) << text << " " << CanonicalText(*node);
  };
  same(WordsNodeOf({"Red", "fox"}, true, {}, 0), "\"red fox\"*");
  same(WordsNodeOf({"foxs"}, false, {"title", "tag"}, 2), "in:title,tag:foxs~2");
  same(ValueNodeOf("tag", "Sno", true), "tag:sno*");
  same(ValueNodeOf("type", "jpg", false), "format:jpeg");
  same(ValueNodeOf("description", "In the Snow", false), "desc:\"in the snow\"");
  same(ValueNodeOf("has", "gps", false), "has:location");
  same(ValueNodeOf("color", "#00FF00", false), "color:#00ff00");
  same(ValueNodeOf("date", "*-12-2020", false), "date:*-12-2020");
  same(RangeNodeOf("w", "3000", ""), "w>=3000");
  same(RangeNodeOf("size", "1kb", "2mb"), "size:1000..2000000");
  same(RangeNodeOf("taken", "2024-01", "2024"), "taken:2024-01-01..2024-12-31");
  same(RangeNodeOf("mp", "12", "12"), "mp:12..12");
  same(NearNodeOf(52.5, 13.4, 10), "near:52.5,13.4,10km");
}

TEST(Builders, RefuseWhatTheyCanNotRead) {
  EXPECT_EQ(ReasonOf(WordsNodeOf({"-"}, true, {}, 0).status()), "QUERY_EMPTY_VALUE");
  EXPECT_EQ(ReasonOf(WordsNodeOf({"a"}, true, {"body"}, 0).status()), "QUERY_UNKNOWN_KEY");
  EXPECT_EQ(ReasonOf(WordsNodeOf({"a\xff"}, true, {}, 0).status()), "QUERY_NOT_TEXT");
  EXPECT_EQ(ReasonOf(ValueNodeOf("tga", "a", false).status()), "QUERY_UNKNOWN_KEY");
  EXPECT_EQ(DetailsOf(ValueNodeOf("tga", "a", false).status()).metadata.at("suggestion"), "tag");
  EXPECT_EQ(ReasonOf(ValueNodeOf("w", "3", false).status()), "QUERY_UNKNOWN_KEY");
  EXPECT_EQ(ReasonOf(ValueNodeOf("title", "fox", false).status()), "QUERY_UNKNOWN_KEY");
  EXPECT_EQ(ReasonOf(ValueNodeOf("md5", "00", true).status()), "QUERY_NO_PREFIX");
  EXPECT_EQ(ReasonOf(ValueNodeOf(std::string(5000, 'x'), "", true).status()), "QUERY_UNKNOWN_KEY");
  EXPECT_EQ(ReasonOf(RangeNodeOf("tag", "1", "2").status()), "QUERY_BAD_RANGE");
  EXPECT_EQ(ReasonOf(RangeNodeOf("w", "2", "1").status()), "QUERY_BAD_RANGE");
  EXPECT_EQ(ReasonOf(RangeNodeOf("w", "", ">2").status()), "QUERY_BAD_NUMBER");
}

TEST(ValueTextOf, IsWhatTheBuildersRead) {
  for (const char* text : {"tag:sno*", "desc:\"in the snow\"", "owner:Alice", "state:re*",
                           "orientation:square", "date:*-02-2020", "has:tags", "color:teal",
                           "color:#010203", "md5:d41d8cd98f00b204e9800998ecf8427e"}) {
    const QueryNode node = Parsed(text).root;
    const auto value = ValueTextOf(node);
    ASSERT_TRUE(value.has_value()) << text;
    EXPECT_EQ(ValueNodeOf(value->field, value->value, value->prefix).value(), node) << text;
  }
  EXPECT_FALSE(ValueTextOf(Parsed("fox").root).has_value());
  EXPECT_FALSE(ValueTextOf(Parsed("w>3").root).has_value());
  const RangeText range = RangeTextOf(std::get<RangeNode>(Parsed("mp>=12.25").root.is));
  EXPECT_EQ(range.field + " " + range.min + " " + range.max, "mp 12.25 ");
}

TEST(DatePattern, MatchesDaysByTheirParts) {
  EXPECT_TRUE(Matches({24, 12, 2020}, 20201224));
  EXPECT_TRUE(Matches({0, 12, 0}, 20201224));
  EXPECT_TRUE(Matches({0, 0, 0}, 20201224));
  EXPECT_FALSE(Matches({23, 12, 2020}, 20201224));
  EXPECT_FALSE(Matches({0, 11, 0}, 20201224));
  EXPECT_FALSE(Matches({0, 0, 2021}, 20201224));
}

TEST(DateNumber, IsTheDayInUtc) {
  EXPECT_EQ(DateNumber(absl::FromUnixSeconds(86399)), 19700101);
  EXPECT_EQ(DateNumber(absl::FromUnixSeconds(86400)), 19700102);
  EXPECT_EQ(DateNumber(absl::FromUnixSeconds(-1)), 19691231);
  EXPECT_EQ(DateNumber(absl::InfiniteFuture()) / 10000, 9999);
  EXPECT_EQ(DateNumber(absl::InfinitePast()) / 10000, 0);
  EXPECT_TRUE(IsDateNumber(20240229));
  for (const int64_t bad : {-1L, 0L, 20230229L, 20241301L, 20240001L, 100000101L}) {
    EXPECT_FALSE(IsDateNumber(bad)) << bad;
  }
}

TEST(WithTypos, AllowsWrongLettersInLongBareWords) {
  EXPECT_EQ(CanonicalText(WithTypos(Parsed("fox foxs mountain \"mountain\" img_1234"), 2)),
            "fox foxs~1* mountain~2* \"mountain\" \"img 1234\"*");
  EXPECT_EQ(CanonicalText(WithTypos(Parsed("mountain -mountain снег"), 1)),
            "mountain~1* -mountain снег~1*");
  EXPECT_EQ(CanonicalText(WithTypos(Parsed("mountain~2 2020 title:mountain"), 1)),
            "mountain~2 2020 title:mountain~1*");
  // What says so itself keeps what it says.
  EXPECT_EQ(WithTypos(Parsed("mountain~1*"), 2), Parsed("mountain~1*"));
  EXPECT_EQ(CanonicalText(WithTypos(Parsed("mountain"), 0)), "mountain");
}

TEST(PositiveWords, ListsWhatIsLookedForInOrder) {
  const Query query = Parsed("red -snow (title:\"blue fox\" OR w>3 OR NOT -green) tag:x");
  std::vector<std::string> words;
  for (const QueryWord& word : PositiveWords(query)) {
    words.push_back(word.word + "/" + std::to_string(word.leaf) + "/" + std::to_string(word.index) +
                    "@" + std::to_string(word.span.begin) + "-" + std::to_string(word.span.end));
  }
  EXPECT_THAT(words,
              ElementsAre("red/0/0@0-3", "blue/2/0@17-27", "fox/2/1@17-27", "green/4/0@43-48"));
}

TEST(NamesState, LooksEverywhere) {
  EXPECT_TRUE(NamesState(Parsed("a OR (b -state:failed)")));
  EXPECT_FALSE(NamesState(Parsed("a format:jpeg")));
}

TEST(ReplaceWords, ChangesOnlyTheMisspeltWordsOfTheText) {
  const std::string text = "  Sonw title:(Foxx OR \"redd  fox\") w>3 -foxx";
  const Query query = Parsed(text);
  std::vector<WordChange> changes;
  for (const QueryWord& word : PositiveWords(query)) {
    if (word.word == "sonw") changes.push_back({word, "snow"});
    if (word.word == "foxx") changes.push_back({word, "fox"});
    if (word.word == "redd") changes.push_back({word, "red"});
  }
  EXPECT_EQ(ReplaceWords(text, query, changes), "  snow title:(fox OR \"red fox\") w>3 -foxx");
  EXPECT_EQ(CanonicalText(Parsed(ReplaceWords("", query, changes))),
            CanonicalText(Parsed(ReplaceWords(text, query, changes))));
  const std::string dense = "a-\"foxx\"~b";
  EXPECT_EQ(ReplaceWords(dense, Parsed(dense), {{PositiveWords(Parsed(dense))[1], "fox"}}),
            "a-\"fox\"~1 b");
  const std::string twice = "sonw a (sonw)";
  EXPECT_EQ(ReplaceWords(twice, Parsed(twice), {{PositiveWords(Parsed(twice))[0], "snow"}}),
            "snow a");
  const Query tree = CheckQuery({{OrNode{{Word("sonw"), Word("fox")}}}}).value();
  EXPECT_EQ(ReplaceWords("", tree, {{PositiveWords(tree)[0], "snow"}}), "snow OR fox");
}

}  // namespace
}  // namespace stockroom::api
