// The language: what is read, and what is refused where.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/api/search/query/query_parser.h"
#include "services/common/base/status.h"

namespace stockroom::api {
namespace {

using ::testing::HasSubstr;

// The canonical text of what was read.
std::string Read(const std::string& text) {
  const auto query = ParseSearchQuery(text);
  EXPECT_TRUE(query.ok()) << text << ": " << query.status();
  return query.ok() ? CanonicalText(*query) : "refused";
}

// "REASON@position".
std::string Refusal(const std::string& text) {
  const auto query = ParseSearchQuery(text);
  if (query.ok()) return "accepted";
  EXPECT_EQ(query.status().code(), absl::StatusCode::kInvalidArgument);
  const ErrorDetails details = DetailsOf(query.status());
  const std::string position = details.metadata.at("position");
  EXPECT_THAT(std::string(query.status().message()), HasSubstr("position " + position));
  return details.reason + "@" + position;
}

std::string Suggestion(const std::string& text) {
  const ErrorDetails details = DetailsOf(ParseSearchQuery(text).status());
  const auto found = details.metadata.find("suggestion");
  return found == details.metadata.end() ? "none" : found->second;
}

// The only leaf of a query.
template <typename Node>
Node Leaf(const std::string& text) {
  const auto query = ParseSearchQuery(text);
  EXPECT_TRUE(query.ok()) << text << ": " << query.status();
  const Node* node = query.ok() ? std::get_if<Node>(&query->root.is) : nullptr;
  EXPECT_NE(node, nullptr) << text;
  return node == nullptr ? Node{} : *node;
}

TEST(QueryLanguage, KeepsTheMeaningOfTheOriginalSyntax) {
  EXPECT_EQ(Read("Sn\u00f6 \"Red  Fox\" tags:a,\"New York\",C date:*-12-2020 from:01-01-2020 "
                 "to:2020-12-31 desc:\"in the Snow\" DESC:ice format:jpg license:\"CC BY\""),
            "sno \"red fox\" tag:a tag:\"new york\" tag:c date:*-12-2020 date>=2020-01-01 "
            "date<=2020-12-31 desc:\"in the snow\" desc:ice format:jpeg license:\"cc by\"");
  EXPECT_EQ(Read("md5:D41D8CD98F00B204E9800998ECF8427E"), "md5:d41d8cd98f00b204e9800998ecf8427e");
  EXPECT_EQ(Read("IMG_12"), "\"img 12\"*");
  EXPECT_EQ(Read("paris - london -- rome !"), "paris london rome");
  EXPECT_EQ(Read("fox\"red\"snow"), "fox \"red\" snow");
  EXPECT_EQ(Read("a,b img_(1).jpg :x"), "\"a b\"* \"img 1 jpg\"* x");
  EXPECT_EQ(Read("or not and"), "or not and");
}

TEST(QueryLanguage, TakesAnEmptyQueryOrAStarForEverything) {
  for (const char* text : {"", " \t\u3000 ", "*", "* *"}) {
    EXPECT_TRUE(ParseSearchQuery(text)->IsEverything()) << text;
  }
  EXPECT_EQ(Read("fox *"), "fox");
  EXPECT_EQ(Read("-*"), "-*");
  EXPECT_EQ(Read("state:failed OR *"), "state:failed OR *");
}

TEST(QueryLanguage, ReadsOldDates) {
  const auto date = [](const std::string& text) { return Leaf<DatePattern>("date:" + text); };
  EXPECT_EQ(date("24-12-2020"), (DatePattern{24, 12, 2020}));
  EXPECT_EQ(date("2020-12-24"), (DatePattern{24, 12, 2020}));
  EXPECT_EQ(date("4-2-2020"), (DatePattern{4, 2, 2020}));
  EXPECT_EQ(date("24-*-*"), (DatePattern{24, 0, 0}));
  EXPECT_EQ(date("2020-*-*"), (DatePattern{0, 0, 2020}));
  EXPECT_EQ(date("29-02-*"), (DatePattern{29, 2, 0}));
  EXPECT_EQ(date("29-02-2000"), (DatePattern{29, 2, 2000}));
}

TEST(QueryLanguage, RefusesBadDatesWithTheirPosition) {
  for (const char* bad :
       {"date:", "date:yesterday", "date:24-13-2020", "date:31-04-2020", "date:29-02-2021",
        "date:29-02-1900", "date:0-1-2020", "date:24-12-20", "date:24-12", "date:24-12-2020-1",
        "date:-1-2-2020", "date:99999-1-1", "date:2020-13", "date:202", "date:20201",
        "date:2020-12-24T10:00", "date:2020-12-24..*-*-2021"}) {
    EXPECT_EQ(Refusal(bad), "QUERY_BAD_DATE@6") << bad;
  }
  EXPECT_EQ(Refusal("fox from:*-12-2020"), "QUERY_BAD_DATE@10");
  EXPECT_EQ(Refusal("to:24-12-*"), "QUERY_BAD_DATE@4");
  EXPECT_EQ(Refusal("taken:2024-02-30"), "QUERY_BAD_DATE@7");
  EXPECT_EQ(Refusal("created>2024-02-01T25:00"), "QUERY_BAD_DATE@8");
  EXPECT_EQ(Refusal("created>2024-02-01T10:00:00+01"), "QUERY_BAD_DATE@8");
}

TEST(QueryLanguage, BindsNotBeforeAndBeforeOr) {
  EXPECT_EQ(Read("a b OR c d"), "(a b) OR (c d)");
  EXPECT_EQ(Read("a AND b && c"), "a b c");
  EXPECT_EQ(Read("a || b"), "a OR b");
  EXPECT_EQ(Read("a (b OR c) d"), "a (b OR c) d");
  EXPECT_EQ(Read("NOT a b"), "-a b");
  EXPECT_EQ(Read("NOT (a b)"), "-(a b)");
  EXPECT_EQ(Read("-a OR -\"b c\" OR -(d e)"), "-a OR -\"b c\" OR -(d e)");
  EXPECT_EQ(Read("NOT NOT a"), "a");
  EXPECT_EQ(Read("--a"), "a");
  EXPECT_EQ(Read("NOT -a"), "a");
  EXPECT_EQ(Read("((a) ((b)) (c OR (d)))"), "a b (c OR d)");
  EXPECT_EQ(Read("a OR (b OR (c OR d))"), "a OR b OR c OR d");
  EXPECT_EQ(Read("NOT(a)OR(b)"), "-a OR b");
  EXPECT_EQ(Read("NOT - a"), "-a");
  EXPECT_EQ(Read("\"OR\" \"AND\""), "\"or\" \"and\"");
  EXPECT_EQ(Read("-tags:a,b"), "-(tag:a tag:b)");
}

TEST(QueryLanguage, RefusesOperatorsWithoutOperandsAndOpenParentheses) {
  EXPECT_EQ(Refusal("OR a"), "QUERY_MISSING_OPERAND@1");
  EXPECT_EQ(Refusal("a OR"), "QUERY_MISSING_OPERAND@3");
  EXPECT_EQ(Refusal("a OR OR b"), "QUERY_MISSING_OPERAND@6");
  EXPECT_EQ(Refusal("a AND"), "QUERY_MISSING_OPERAND@3");
  EXPECT_EQ(Refusal("AND a"), "QUERY_MISSING_OPERAND@1");
  EXPECT_EQ(Refusal("a AND AND b"), "QUERY_MISSING_OPERAND@7");
  EXPECT_EQ(Refusal("a NOT"), "QUERY_MISSING_OPERAND@3");
  EXPECT_EQ(Refusal("a NOT OR b"), "QUERY_MISSING_OPERAND@3");
  EXPECT_EQ(Refusal("(a NOT) b"), "QUERY_MISSING_OPERAND@4");
  EXPECT_EQ(Refusal("a OR --"), "QUERY_MISSING_OPERAND@3");
  EXPECT_EQ(Refusal("a ()"), "QUERY_MISSING_OPERAND@3");
  EXPECT_EQ(Refusal("( - )"), "QUERY_MISSING_OPERAND@1");
  EXPECT_EQ(Refusal("a (b"), "QUERY_UNBALANCED@3");
  EXPECT_EQ(Refusal("a) b"), "QUERY_UNBALANCED@2");
  EXPECT_EQ(Refusal("tag:(a OR b"), "QUERY_UNBALANCED@5");
}

TEST(QueryLanguage, ReadsPrefixesPhrasesAndTypos) {
  EXPECT_EQ(Leaf<WordsNode>("Fox"), (WordsNode{{"fox"}, true}));
  EXPECT_EQ(Leaf<WordsNode>("fox*"), (WordsNode{{"fox"}, true}));
  EXPECT_EQ(Leaf<WordsNode>("\"fox\""), (WordsNode{{"fox"}, false}));
  EXPECT_EQ(Leaf<WordsNode>("\"red fo\"*"), (WordsNode{{"red", "fo"}, true}));
  EXPECT_EQ(Leaf<WordsNode>("foxs~"), (WordsNode{{"foxs"}, false, kEveryField, 1}));
  EXPECT_EQ(Leaf<WordsNode>("foxs~2"), (WordsNode{{"foxs"}, false, kEveryField, 2}));
  EXPECT_EQ(Leaf<WordsNode>("foxs~1*"), (WordsNode{{"foxs"}, true, kEveryField, 1}));
  EXPECT_EQ(Leaf<WordsNode>("foxs~0"), (WordsNode{{"foxs"}, false}));
  EXPECT_EQ(Leaf<WordsNode>("\"foxs\"~1"), (WordsNode{{"foxs"}, false, kEveryField, 1}));
  EXPECT_EQ(Leaf<WordsNode>("a~b"), (WordsNode{{"a", "b"}, true}));
  EXPECT_EQ(Refusal("fox snow~3"), "QUERY_BAD_TYPOS@5");
  EXPECT_EQ(Refusal("snow~99999999999999999999"), "QUERY_BAD_TYPOS@1");
  EXPECT_EQ(Refusal("img_12~"), "QUERY_BAD_TYPOS@1");
  EXPECT_EQ(Refusal("\"red fox\"~1"), "QUERY_BAD_TYPOS@1");
}

TEST(QueryLanguage, ReadsWordsOfFields) {
  EXPECT_EQ(Leaf<WordsNode>("title:Fox"), (WordsNode{{"fox"}, true, MaskOf(TextField::kTitle)}));
  EXPECT_EQ(Leaf<WordsNode>("filename:\"img 1\""),
            (WordsNode{{"img", "1"}, false, MaskOf(TextField::kFilename)}));
  EXPECT_EQ(Read("title:foxs~2 in:tag,title:\"red fo\"*"), "title:foxs~2 in:title,tag:\"red fo\"*");
  EXPECT_EQ(Read("in:title:x in:description,attribute:y"), "title:x in:description,attribute:y");
  EXPECT_EQ(Read("in:title,description,tag,filename,attribute:x"), "x");
  EXPECT_EQ(Refusal("in:x:y"), "QUERY_UNKNOWN_KEY@4");
  EXPECT_EQ(Refusal("in:title"), "QUERY_UNKNOWN_KEY@4");
  EXPECT_EQ(Refusal("title:!"), "QUERY_EMPTY_VALUE@7");
  EXPECT_EQ(Read("title:(red OR \"blue fox\" -x)"), "title:red OR (title:\"blue fox\" -title:x)");
}

TEST(QueryLanguage, ReadsTagsAndValues) {
  EXPECT_EQ(Read("tag:Snow TAGS:sno*,\"New Yo\"*,\"a*\""),
            "tag:snow tag:sno* tag:\"new yo\"* tag:\"a*\"");
  EXPECT_EQ(Read("tag:(a OR b:c -d)"), "tag:a OR (tag:\"b:c\" -tag:d)");
  EXPECT_EQ(Read("owner:\"Alice B\" type:JPG license:cc* dataset:Birds"),
            "owner:\"Alice B\" format:jpeg license:cc* dataset:birds");
  EXPECT_EQ(Read("camera:\"Canon EOS-R\" lens:50mm*"), "camera:\"canon eos r\" lens:50mm");
  EXPECT_EQ(Read("state:Failed state:re* orientation:Panorama"),
            "state:failed state:re* orientation:panorama");
  EXPECT_EQ(Read("has:location has:none(tags) -has:none(title)"),
            "has:location -has:tags has:title");
  EXPECT_EQ(Read("has:gps has:(palette OR none(hash))"), "has:location (has:palette OR -has:hash)");
  EXPECT_EQ(Read("color:#FF8000 colour:00ff00"), "color:#ff8000 color:#00ff00");
  EXPECT_EQ(Read("color:Black"), "color:black");
  EXPECT_EQ(Refusal("fox owner:al*"), "QUERY_NO_PREFIX@11");
  EXPECT_EQ(Refusal("format:"), "QUERY_EMPTY_VALUE@8");
  EXPECT_EQ(Refusal("tags:a,,b"), "QUERY_EMPTY_VALUE@8");
  EXPECT_EQ(Refusal("tags:a,"), "QUERY_EMPTY_VALUE@8");
  EXPECT_EQ(Refusal("desc:\"  \""), "QUERY_EMPTY_VALUE@6");
  for (const char* bad : {"md5:", "md5:abc", "md5:0123456789abcdef0123456789abcdeg"}) {
    EXPECT_EQ(Refusal(bad), "QUERY_BAD_MD5@5") << bad;
  }
}

TEST(QueryLanguage, ReadsRangesOfNumbers) {
  constexpr int64_t kNone = std::numeric_limits<int64_t>::min();
  constexpr int64_t kAll = std::numeric_limits<int64_t>::max();
  const auto range = [](const std::string& text) {
    const auto node = Leaf<RangeNode>(text);
    return std::make_pair(node.min, node.max);
  };
  EXPECT_EQ(Leaf<RangeNode>("w>=3000"), (RangeNode{NumberField::kWidth, 3000, kAll}));
  EXPECT_EQ(range("w>3000"), std::make_pair(int64_t{3001}, kAll));
  EXPECT_EQ(range("w<3000"), std::make_pair(kNone, int64_t{2999}));
  EXPECT_EQ(range("width<=3000"), std::make_pair(kNone, int64_t{3000}));
  EXPECT_EQ(range("w=3000"), range("w:3000..3000"));
  EXPECT_EQ(range("w:>3000"), range("w>3000"));
  EXPECT_EQ(range("h:1000..2000"), std::make_pair(int64_t{1000}, int64_t{2000}));
  EXPECT_EQ(range("h:..2000"), std::make_pair(kNone, int64_t{2000}));
  EXPECT_EQ(range("h:1000.."), std::make_pair(int64_t{1000}, kAll));
  EXPECT_EQ(range("h:.."), std::make_pair(kNone, kAll));
  EXPECT_EQ(range("mp>=12"), std::make_pair(int64_t{12'000'000}, kAll));
  EXPECT_EQ(range("mp>12.5"), std::make_pair(int64_t{12'500'001}, kAll));
  EXPECT_EQ(range("mp:12..12.5"), std::make_pair(int64_t{12'000'000}, int64_t{12'500'000}));
  // By itself a rounded number stands for all that rounds to it.
  EXPECT_EQ(range("mp:12"), std::make_pair(int64_t{11'500'000}, int64_t{12'499'999}));
  EXPECT_EQ(range("mp:12.0"), std::make_pair(int64_t{11'950'000}, int64_t{12'049'999}));
  EXPECT_EQ(range("size<2MB"), std::make_pair(kNone, int64_t{1'999'999}));
  EXPECT_EQ(range("size>=1.5kib"), std::make_pair(int64_t{1536}, kAll));
  EXPECT_EQ(range("size>=0.0001kb"), std::make_pair(int64_t{1}, kAll));
  EXPECT_EQ(range("size:1234"), std::make_pair(int64_t{1234}, int64_t{1234}));
  EXPECT_EQ(range("size:2gb"), std::make_pair(int64_t{1'500'000'000}, int64_t{2'499'999'999}));
  EXPECT_EQ(range("size<=999999999999999999"), std::make_pair(kNone, int64_t{999999999999999999}));
}

TEST(QueryLanguage, RefusesRangesThatItCanNotRead) {
  for (const char* bad : {"w:", "w:x", "w:-5", "w:1.5", "w:3000px", "w:1..x", "w>=", "w>=>5",
                          "size:2xb", "size:1.b", "size:.5mb", "mp:1e3", "w:1234567890123456789",
                          "size:1000000000gib", "w:9999999999999999999999999"}) {
    EXPECT_THAT(Refusal(bad), ::testing::StartsWith("QUERY_BAD_NUMBER@")) << bad;
  }
  EXPECT_EQ(Refusal("fox w>=abc"), "QUERY_BAD_NUMBER@6");
  EXPECT_EQ(Refusal("w:2000..1000"), "QUERY_BAD_RANGE@3");
  EXPECT_EQ(Suggestion("w:2000..1000"), "w:1000..2000");
  EXPECT_EQ(Refusal("w<0"), "QUERY_BAD_RANGE@2");
  EXPECT_EQ(Refusal("taken>9999"), "QUERY_BAD_RANGE@6");
  EXPECT_EQ(Refusal("created<0000"), "QUERY_BAD_RANGE@8");
  EXPECT_EQ(Refusal("camera>5"), "QUERY_BAD_RANGE@7");
  EXPECT_EQ(Refusal("widht>5"), "QUERY_UNKNOWN_KEY@1");
  EXPECT_EQ(Suggestion("widht>5"), "width");
  EXPECT_EQ(Refusal("w >= 3000"), "QUERY_BAD_RANGE@3");
  EXPECT_EQ(Refusal("w> 3000"), "QUERY_BAD_NUMBER@2");
}

TEST(QueryLanguage, LeavesSignsInTextAlone) {
  EXPECT_EQ(Read("a>b x=y tag=x 1<2"), "\"a b\"* \"x y\"* \"tag x\"* \"1 2\"*");
}

TEST(QueryLanguage, ReadsRangesOfTime) {
  EXPECT_EQ(Read("taken:2024"), "taken:2024-01-01..2024-12-31");
  EXPECT_EQ(Read("taken:2024-02"), "taken:2024-02-01..2024-02-29");
  EXPECT_EQ(Read("taken:2024-2-5"), "taken:2024-02-05..2024-02-05");
  EXPECT_EQ(Read("taken:5-2-2024"), "taken:2024-02-05..2024-02-05");
  EXPECT_EQ(Read("taken>=2024"), "taken>=2024-01-01");
  EXPECT_EQ(Read("taken>2024"), "taken>=2025-01-01");
  EXPECT_EQ(Read("taken<2024-03"), "taken<=2024-02-29");
  EXPECT_EQ(Read("taken<=2024-03"), "taken<=2024-03-31");
  EXPECT_EQ(Read("date:2024-01-01..2024-06"), "date:2024-01-01..2024-06-30");
  EXPECT_EQ(Read("date:2024-06 date:2024"),
            "date:2024-06-01..2024-06-30 date:2024-01-01..2024-12-31");
  EXPECT_EQ(Read("from:2024 to:2024-06"), "date>=2024-01-01 date<=2024-06-30");
  EXPECT_EQ(Leaf<RangeNode>("created:1970"),
            (RangeNode{NumberField::kCreated, 0, int64_t{365} * 86400 * 1000000 - 1}));
  EXPECT_EQ(Leaf<RangeNode>("created>1970-01-01T00:01").min, 120'000'000);
  EXPECT_EQ(Leaf<RangeNode>("created>1970-01-01t00:00:01Z").min, 2'000'000);
  EXPECT_EQ(Leaf<RangeNode>("created>=1970-01-01T00:00:01.25Z").min, 1'250'000);
  EXPECT_EQ(Leaf<RangeNode>("created<=1970-01-01T00:00:01.25").max, 1'259'999);
}

TEST(QueryLanguage, ReadsPlacesAndLooks) {
  EXPECT_EQ(Leaf<NearNode>("near:52.5,-13.4,10km"), (NearNode{52.5, -13.4, 10}));
  EXPECT_EQ(Read("near:52.5,13.4,500m"), "near:52.5,13.4,0.5km");
  EXPECT_EQ(Read("near:-0.0,13,7"), "near:0,13,7km");
  for (const char* bad : {"near:", "near:1,2", "near:91,2,3", "near:1,181,3", "near:1,2,-1",
                          "near:1,2,20101", "near:nan,1,1", "near:inf,1,1", "near:1e1,1,1",
                          "near:1,2,3,4", "near:1,2,3mi", "near:1,2,km"}) {
    EXPECT_EQ(Refusal(bad), "QUERY_BAD_NUMBER@6") << bad;
  }
  const std::string id = "0190a5d0-0000-7000-8000-00000000000a";
  EXPECT_EQ(Leaf<SimilarNode>("similar:" + id), (SimilarNode{id, 31}));
  EXPECT_EQ(Leaf<SimilarNode>("similar:" + id + "~64"), (SimilarNode{id, 64}));
  EXPECT_EQ(Refusal("similar:fox"), "QUERY_BAD_VALUE@9");
  EXPECT_EQ(Refusal("similar:" + id + "~65"), "QUERY_BAD_NUMBER@9");
  const std::string hash = "0123456789abcdef" + std::string(31, '0') + "f" + std::string(16, 'a');
  EXPECT_EQ(Leaf<HashNode>("hash:" + hash + "~3"),
            (HashNode{{0x0123456789abcdef, 0, 0xf, 0xaaaaaaaaaaaaaaaa}, 3}));
  EXPECT_EQ(Read("hash:" + hash), "hash:" + hash);
  EXPECT_EQ(Refusal("hash:abc"), "QUERY_BAD_HASH@6");
}

TEST(QueryLanguage, SuggestsWhatMayHaveBeenMeant) {
  EXPECT_EQ(Refusal("fox tga:a"), "QUERY_UNKNOWN_KEY@5");
  EXPECT_EQ(Suggestion("tga:a"), "tag");
  EXPECT_EQ(Suggestion("-tilte:a"), "title");
  EXPECT_EQ(Suggestion("orientaton:square"), "orientation");
  EXPECT_EQ(Suggestion("https://example.org"), "none");
  EXPECT_EQ(Refusal("https://example.org"), "QUERY_UNKNOWN_KEY@1");
  EXPECT_THAT(std::string(ParseSearchQuery("tga:a").status().message()),
              HasSubstr("unknown key \"tga:\"; did you mean tag:?"));
  EXPECT_EQ(Refusal("orientation:portriat"), "QUERY_BAD_VALUE@13");
  EXPECT_EQ(Suggestion("orientation:portriat"), "portrait");
  EXPECT_EQ(Suggestion("has:lokation"), "location");
  EXPECT_EQ(Suggestion("state:redy"), "ready");
  EXPECT_EQ(Suggestion("color:purpel"), "purple");
  EXPECT_EQ(Refusal("color:"), "QUERY_BAD_VALUE@7");
}

TEST(QueryLanguage, RefusesWhatIsNoText) {
  EXPECT_EQ(Refusal("!!! \"\""), "QUERY_NO_WORDS@1");
  EXPECT_EQ(Refusal("-!"), "QUERY_NO_WORDS@1");
  EXPECT_EQ(Refusal("fox \"red"), "QUERY_UNTERMINATED_QUOTE@5");
  EXPECT_EQ(Refusal("desc:\"red"), "QUERY_UNTERMINATED_QUOTE@6");
  EXPECT_EQ(Refusal("a\xff"), "QUERY_NOT_TEXT@1");
}

TEST(QueryLanguage, KeepsItsLimits) {
  EXPECT_TRUE(ParseSearchQuery(std::string(kMaxQueryBytes, 'a')).ok());
  EXPECT_EQ(Refusal(std::string(kMaxQueryBytes + 1, 'a')), "QUERY_TOO_LONG@1001");
  std::string terms;
  for (int i = 0; i < kMaxQueryLeaves; ++i) terms += "a ";
  EXPECT_TRUE(ParseSearchQuery(terms).ok());
  EXPECT_EQ(Refusal(terms + "b"), "QUERY_TOO_MANY_TERMS@65");
  EXPECT_EQ(Refusal(terms + "tags:x"), "QUERY_TOO_MANY_TERMS@70");
  EXPECT_EQ(Refusal(terms + "w>3"), "QUERY_TOO_MANY_TERMS@65");
  EXPECT_TRUE(ParseSearchQuery(std::string(32, '(') + "a" + std::string(32, ')')).ok());
  EXPECT_EQ(Refusal(std::string(33, '(') + "a" + std::string(33, ')')), "QUERY_TOO_DEEP@33");
  EXPECT_EQ(Refusal(std::string(999, '(')), "QUERY_TOO_DEEP@33");
  EXPECT_EQ(Read(std::string(998, '-') + "a"), "a");
  // NOT, OR and AND are a level each.
  const auto deep = [](int rounds) {
    std::string text;
    for (int i = 0; i < rounds; ++i) text += "-(a OR b (";
    return text + "c" + std::string(2 * rounds, ')');
  };
  EXPECT_TRUE(ParseSearchQuery(deep(10)).ok());
  EXPECT_EQ(Refusal(deep(11)), "QUERY_TOO_DEEP@2");
}

}  // namespace
}  // namespace stockroom::api
