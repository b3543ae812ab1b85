#include "services/api/search/text/highlight.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/api/search/query/query_parser.h"
#include "services/api/search/query/words.h"

namespace stockroom::api {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// "field: text with [matches]".
std::vector<std::string> Shown(const Description& described, const std::string& text,
                               const std::string& stemming = "", int typos = 0) {
  Image image;
  image.described = described;
  const auto query = ParseSearchQuery(text);
  EXPECT_TRUE(query.ok()) << query.status();
  std::vector<std::string> shown;
  for (const Highlight& highlight :
       HighlightsOf(image, WithTypos(query.value_or(Query()), typos), stemming)) {
    std::string line = highlight.text;
    for (size_t i = highlight.ranges.size(); i-- > 0;) {
      line.insert(highlight.ranges[i].second, "]");
      line.insert(highlight.ranges[i].first, "[");
    }
    shown.push_back(highlight.field + ": " + line);
  }
  return shown;
}

const Description& Fox() {
  static const auto* const fox = new Description{.title = "Füchse im Schnee: IMG_1234",
                                                 .description = "A  Red   Fox, two red foxes.",
                                                 .tags = {"Red Fox", "Snow", "red"}};
  return *fox;
}

TEST(HighlightsOf, ShowsWordsWhereTheyStand) {
  EXPECT_THAT(Shown(Fox(), "fuchs"), ElementsAre("title: [Füchse] im Schnee: IMG_1234"));
  EXPECT_THAT(Shown(Fox(), "img_12"), ElementsAre("title: Füchse im Schnee: [IMG_1234]"));
  EXPECT_THAT(Shown(Fox(), "red"), ElementsAre("description: A  [Red]   Fox, two [red] foxes.",
                                               "tags: [Red] Fox", "tags: [red]"));
  EXPECT_THAT(Shown(Fox(), "\"red fox\""),
              ElementsAre("description: A  [Red   Fox], two red foxes.", "tags: [Red Fox]"));
  EXPECT_THAT(Shown(Fox(), "\"red fo\"*"),
              ElementsAre("description: A  [Red   Fox], two [red foxes].", "tags: [Red Fox]"));
  EXPECT_THAT(Shown(Fox(), "in:tag:red"), ElementsAre("tags: [Red] Fox", "tags: [red]"));
  EXPECT_THAT(Shown(Fox(), "filename:red owner:red"), IsEmpty());
}

TEST(HighlightsOf, ShowsTagsAndPartsOfDescriptions) {
  EXPECT_THAT(Shown(Fox(), "tag:snow"), ElementsAre("tags: [Snow]"));
  EXPECT_THAT(Shown(Fox(), "tag:re*"), ElementsAre("tags: [Red Fox]", "tags: [red]"));
  EXPECT_THAT(Shown(Fox(), "desc:\"d fox\""),
              ElementsAre("description: A  Re[d   Fox], two re[d fox]es."));
}

TEST(HighlightsOf, LeavesOutWhatIsExcluded) {
  EXPECT_THAT(Shown(Fox(), "snow -red"), ElementsAre("tags: [Snow]"));
  EXPECT_THAT(Shown(Fox(), "NOT (red OR tag:snow)"), IsEmpty());
  EXPECT_THAT(Shown(Fox(), "two OR schn"),
              ElementsAre("title: Füchse im [Schnee]: IMG_1234",
                          "description: A  Red   Fox, [two] red foxes."));
}

TEST(HighlightsOf, ShowsMisspeltWordsAndOtherForms) {
  EXPECT_THAT(Shown(Fox(), "snwo~1"), ElementsAre("tags: [Snow]"));
  EXPECT_THAT(Shown(Fox(), "snwo", "", 2), ElementsAre("tags: [Snow]"));
  // The first letter must be right.
  EXPECT_THAT(Shown(Fox(), "know~1"), IsEmpty());
  EXPECT_THAT(Shown(Fox(), "snows", "english"), ElementsAre("tags: [Snow]"));
  EXPECT_THAT(Shown(Fox(), "\"snows\"", "english"), IsEmpty());
}

TEST(HighlightsOf, CutsLongDescriptionsBetweenWords) {
  Description described;
  for (int i = 0; i < 100; ++i) described.description += "wörter ";
  described.description += "fox ";
  for (int i = 0; i < 100; ++i) described.description += "danach ";
  const std::vector<std::string> shown = Shown(described, "fox");
  ASSERT_EQ(shown.size(), 1u);
  const std::string text = shown[0].substr(shown[0].find(' ') + 1);
  EXPECT_TRUE(text.starts_with("wörter ")) << text;
  EXPECT_TRUE(text.ends_with(" danach")) << text;
  EXPECT_NE(text.find(" [fox] "), std::string::npos);
  EXPECT_LE(text.size(), kSnippetBytes + 2);
  EXPECT_GE(text.size(), kSnippetBytes - 10);
}

TEST(HighlightsOf, CutsWordsThatAreLongerThanASnippet) {
  std::string word;
  for (int i = 0; i < 300; ++i) word += "ö";
  const Description described{.description = "ab " + word + " fox"};
  const std::vector<std::string> shown = Shown(described, "öö");
  ASSERT_EQ(shown.size(), 1u);
  EXPECT_TRUE(shown[0].starts_with("description: ab [öö"));
  EXPECT_TRUE(shown[0].ends_with("ö]"));
  EXPECT_THAT(Shown(described, "fox").at(0), ::testing::HasSubstr("[fox]"));
}

}  // namespace
}  // namespace stockroom::api
