// What is answered on a reaction, and what is given up.
#include <string>
#include <utility>
#include <vector>

#include "services/api/search/exec/facets.h"
#include "tests/unit/search/exec_fixture.h"

namespace stockroom::api {
namespace {

TEST_F(ExecTest, AQueryOfManyWordsIsNotCheap) {
  catalogue_.Put({Photo("a", "fox")});
  const auto is_cheap = [&](int words) {
    std::string phrase = "\"fox";
    for (int i = 1; i < words; ++i) phrase += " x";
    const Query query = Parsed(phrase + "\"");
    return ExecuteIfCheap(catalogue_.snapshot(), {.query = query}).has_value();
  };
  EXPECT_TRUE(is_cheap(64));
  EXPECT_FALSE(is_cheap(65));
}

TEST_F(ExecTest, OnlyTheTagsOfFewAreCountedOnAReaction) {
  std::vector<Image> images;
  for (uint64_t i = 0; i <= kReadDocuments; ++i) {
    images.push_back(Photo("p" + std::to_string(i), i == 0 ? "fox" : "fox snow", {"red"}));
  }
  catalogue_.Put(std::move(images));
  const auto is_cheap = [&](const char* query, std::vector<FacetField> facets) {
    const Query parsed = Parsed(query);
    return ExecuteIfCheap(catalogue_.snapshot(), {.query = parsed, .facets = std::move(facets)})
        .has_value();
  };
  EXPECT_TRUE(is_cheap("snow", {FacetField::kTag}));
  EXPECT_FALSE(is_cheap("fox", {FacetField::kTag}));
  EXPECT_TRUE(is_cheap("fox", {FacetField::kLicense}));
}

TEST_F(ExecTest, APageOfTheNewestIsCheapAsLongAsFewChunksFillIt) {
  std::vector<IndexedDocument> many;
  for (int i = 0; i < 70'000; ++i) {
    Image image = Photo("i" + std::to_string(i), "fox");
    image.facts.width = 100;
    many.push_back(DocumentOf(image));
  }
  catalogue_.set_keeps_ids(false);
  catalogue_.PutDocuments(many);
  const auto found_at_once = [&](const char* query, std::vector<FacetField> facets = {}) {
    const Query parsed = Parsed(query);
    const ExecuteRequest request{.query = parsed, .limit = 10, .facets = std::move(facets)};
    const auto cheap = ExecuteIfCheap(catalogue_.snapshot(), request);
    if (!cheap) return false;
    const auto expected = Execute(catalogue_.snapshot(), request);
    EXPECT_TRUE(cheap->ok() && expected.ok());
    EXPECT_EQ((*cheap)->total, expected->total);
    EXPECT_EQ((*cheap)->next, expected->next);
    return true;
  };
  EXPECT_TRUE(found_at_once("fox"));
  EXPECT_TRUE(found_at_once("fox w>=100"));
  EXPECT_TRUE(found_at_once("fox nothing")) << "none is looked at";
  EXPECT_FALSE(found_at_once("w>=101")) << "its first chunk does not fill the page";
  EXPECT_FALSE(found_at_once("fox color:red")) << "colours are dear";
  EXPECT_FALSE(found_at_once("fox", {FacetField::kLicense})) << "all are counted";
}

TEST_F(ExecTest, LookingForOnesOwnAmongWhatOthersHideIsNotCheap) {
  std::vector<IndexedDocument> many;
  for (int i = 0; i < 120'000; ++i) {
    Image image = Photo("i" + std::to_string(i), "fox");
    image.described.visibility = Visibility::kPrivate;
    if (i == 0) image.owner = "bob";
    many.push_back(DocumentOf(image));
  }
  catalogue_.set_keeps_ids(false);
  catalogue_.PutDocuments(many);
  const auto is_cheap = [&](const std::string& subject, bool exact_total) {
    const Query parsed = Parsed("nothing OR fox");
    return ExecuteIfCheap(
               catalogue_.snapshot(),
               {.query = parsed, .viewer = {.subject = subject}, .exact_total = exact_total})
        .has_value();
  };
  for (const bool exact_total : {false, true}) {
    EXPECT_FALSE(is_cheap("bob", exact_total)) << "every image is asked for its owner";
  }
  EXPECT_TRUE(is_cheap("eve", false)) << "who has none finds none";
}

}  // namespace
}  // namespace stockroom::api
