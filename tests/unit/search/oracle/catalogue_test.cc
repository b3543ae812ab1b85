#include "tests/support/catalogue.h"

#include <gtest/gtest.h>

#include <set>

#include "services/common/base/digest.h"

namespace stockroom::testing {
namespace {

// Everything of an image that a search sees.
std::string TextOf(const api::Image& image) {
  std::string text = image.id + "|" + image.owner + "|" + image.described.title + "|" +
                     image.described.description + "|" + image.described.license + "|" +
                     image.filename + "|" + image.md5 + "|" + absl::FormatTime(image.create_time) +
                     "|" + std::to_string(static_cast<int>(image.state)) +
                     std::to_string(static_cast<int>(image.described.visibility)) + "|" +
                     std::to_string(image.size_bytes);
  for (const std::string& tag : image.described.tags) text += "|" + tag;
  for (const auto& [name, json] : image.analysis) text += "|" + name + json;
  return text;
}

// docs/benchmarks.md quotes figures of this catalogue.
TEST(CatalogueTest, IsTheSameOnEveryMachine) {
  const Catalogue catalogue;
  std::string text;
  for (uint64_t i = 0; i < 300; ++i) text += TextOf(catalogue.At(i * 7919)) + "\n";
  for (uint64_t n = 0; n < 300; ++n) {
    const TwoWords two = catalogue.TwoWordsAndFilter(n, 100'000);
    text += two.query + "|" + two.fts5 + "|" + two.mariadb + "|" + two.condition + "|" +
            catalogue.AnyOfFiveWords(n) + "|" + catalogue.Prefix(n) + "\n";
  }
  EXPECT_EQ(Digest::Of(text).hex(),
            "5cd5c29a2cd61a7dbf0bca1b7532d3ee2e2167fcab190f4aaf2431d85afc8d72");
}

TEST(CatalogueTest, GivesEachImageAnIdOfItsOwnInTheOrderOfTime) {
  const Catalogue catalogue;
  std::set<std::string> ids;
  absl::Time before = absl::InfinitePast();
  for (uint64_t i = 0; i < 2000; ++i) {
    const api::Image image = catalogue.At(i);
    EXPECT_TRUE(ids.insert(image.id).second);
    EXPECT_LT(before, image.create_time);
    before = image.create_time;
    EXPECT_EQ(image.described.tags.size(), Catalogue::kTagsEach);
  }
}

TEST(CatalogueTest, ChangesOnlyTheTitleWithTheRevision) {
  const Catalogue catalogue;
  api::Image first = catalogue.At(5);
  const api::Image second = catalogue.At(5, 2);
  EXPECT_NE(first.described.title, second.described.title);
  first.described.title = second.described.title;
  first.revision = second.revision;
  first.update_time = second.update_time;
  EXPECT_EQ(first, second);
}

}  // namespace
}  // namespace stockroom::testing
