#include <set>

#include "services/common/base/status.h"
#include "tests/unit/search/search_fixture.h"

namespace stockroom::api {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST_F(IndexTest, FindsWordsOfEveryFieldByPrefixWithoutCaseOrAccents) {
  Image image = Picture("a", "Crème brûlée", {"Dessert"});
  image.described.description = "made in Kraków";
  image.described.attributes = {{"camera", "Nikon D850"}};
  image.filename = "IMG_1234.jpg";
  index_.Apply({image, Picture("b", "something else")}, {});
  for (const char* query : {"creme", "CREM brul", "dess", "krakow", "nikon", "1234", "img_12",
                            "d850 dessert", "\"creme brulee\"", "\"made in krakow\""}) {
    EXPECT_THAT(Found(query), ElementsAre("a")) << query;
  }
  for (const char* query : {"reme", "creme missing", "camera", "ann", "\"crem\"",
                            "\"brulee creme\"", "\"brulee made\"", "img_34"}) {
    EXPECT_THAT(Found(query), IsEmpty()) << query;
  }
}

TEST_F(IndexTest, FindsPartsOfTextWithoutSpaces) {
  index_.Apply({Picture("a", "富士山の雪")}, {});
  EXPECT_THAT(Found("士山"), ElementsAre("a"));
  EXPECT_THAT(Found("山士"), IsEmpty());
}

TEST_F(IndexTest, FindsByAllTagsOnly) {
  index_.Apply({Picture("a", "", {"Snow", "New  York"}), Picture("b", "", {"snow"}),
                Picture("c", "snow", {"snowman"})},
               {});
  EXPECT_THAT(Found("tags:snow"), ElementsAre("b", "a"));
  EXPECT_THAT(Found("tags:SNOW,\"new york\""), ElementsAre("a"));
  EXPECT_THAT(Found("tags:sno"), IsEmpty());
}

TEST_F(IndexTest, FindsByDateTakenElseUploaded) {
  Image taken = Picture("a");
  taken.facts.taken_time =
      absl::FromCivil(absl::CivilSecond(2019, 12, 24, 23, 59, 59), absl::UTCTimeZone());
  index_.Apply({taken, Picture("b")}, {});
  EXPECT_THAT(Found("date:24-12-2019"), ElementsAre("a"));
  EXPECT_THAT(Found("date:*-12-*"), ElementsAre("a"));
  EXPECT_THAT(Found("date:13-09-2020"), ElementsAre("b"));
  EXPECT_THAT(Found("from:24-12-2019 to:24-12-2019"), ElementsAre("a"));
  EXPECT_THAT(Found("from:25-12-2019"), ElementsAre("b"));
  EXPECT_THAT(Found("to:23-12-2019"), IsEmpty());
}

TEST_F(IndexTest, FindsTextWithinTheDescription) {
  Image image = Picture("a", "in the snow");
  image.described.description = "A fox\n in the  SNOW.";
  index_.Apply({image, Picture("b", "fox in the snow")}, {});
  EXPECT_THAT(Found("desc:\"x in the sn\""), ElementsAre("a"));
  EXPECT_THAT(Found("desc:\"the fox\""), IsEmpty());
}

TEST_F(IndexTest, FindsOnlyWhatIsReady) {
  for (const auto& [id, state] : {std::pair{"a", ImageState::kPending},
                                  {"b", ImageState::kFailed},
                                  {"c", ImageState::kFlagged},
                                  {"d", ImageState::kReady}}) {
    Image image = Picture(id, "fox");
    image.state = state;
    index_.Apply({image}, {});
  }
  EXPECT_THAT(Found("fox"), ElementsAre("d"));
  EXPECT_EQ(index_.size(), 1);
  Image flagged = Picture("d", "fox");
  flagged.state = ImageState::kFlagged;
  flagged.revision = 2;
  index_.Apply({flagged}, {});
  EXPECT_THAT(Found(""), IsEmpty());
}

TEST_F(IndexTest, FindsOnlyWhatThePrincipalMayFind) {
  for (const auto& [id, visibility] : {std::pair{"p", Visibility::kPublic},
                                       {"u", Visibility::kUnlisted},
                                       {"x", Visibility::kPrivate}}) {
    Image image = Picture(id, "fox");
    image.described.visibility = visibility;
    index_.Apply({image}, {});
  }
  for (const char* query : {"fox", ""}) {
    EXPECT_THAT(Found(query, "bob"), ElementsAre("p"));
    EXPECT_THAT(Found(query, "ann"), ElementsAre("x", "u", "p"));
  }
}

TEST_F(IndexTest, ReplacesOlderRevisionsAndIgnoresThemAfterwards) {
  Image second = Picture("a", "second");
  second.revision = 2;
  // The other keeps the segment that both are in.
  index_.Apply({Picture("a", "first"), Picture("b", "other")}, {});
  index_.Apply({second}, {});
  index_.Apply({Picture("a", "first")}, {});
  EXPECT_THAT(Found("first"), IsEmpty());
  EXPECT_THAT(Found("second"), ElementsAre("a"));
  EXPECT_EQ(index_.size(), 2);
}

TEST_F(IndexTest, RemembersTheRevisionOfWhatIsNotReady) {
  Image flagged = Picture("a", "fox");
  flagged.revision = 5;
  flagged.state = ImageState::kFlagged;
  index_.Apply({flagged}, {});
  Image late = Picture("a", "fox");
  late.revision = 4;
  index_.Apply({late}, {});
  EXPECT_THAT(Found("fox"), IsEmpty());
}

TEST_F(IndexTest, TakesTheNewestOfOneCall) {
  Image second = Picture("a", "second");
  second.revision = 2;
  index_.Apply({second, Picture("a", "first")}, {});
  EXPECT_THAT(Found(""), ElementsAre("a"));
  EXPECT_THAT(Found("second"), ElementsAre("a"));
}

TEST_F(IndexTest, NeverBringsBackWhatWasDeleted) {
  index_.Apply({Picture("a", "fox")}, {});
  index_.Apply({}, {"a", "never-known"});
  Image late = Picture("a", "fox");
  late.revision = 7;
  index_.Apply({late, Picture("never-known", "fox")}, {});
  EXPECT_THAT(Found("fox"), IsEmpty());
  index_.Apply({Picture("b", "fox")}, {"b"});
  EXPECT_THAT(Found(""), IsEmpty());
  EXPECT_EQ(index_.size(), 0);
}

TEST_F(IndexTest, OrdersNewestFirstThenByIdWhateverTheOrderOfArrival) {
  std::vector<Image> images;
  for (const char* id : {"b", "d", "a", "c"}) images.push_back(Picture(id, "fox"));
  images[0].create_time += absl::Seconds(1);
  for (const Image& image : images) index_.Apply({image}, {});
  EXPECT_THAT(Found("fox"), ElementsAre("b", "d", "c", "a"));
  EXPECT_THAT(Found(""), ElementsAre("b", "d", "c", "a"));
}

TEST_F(IndexTest, PagesNeitherSkipNorRepeatWhileImagesComeAndGo) {
  // Both ways to a page: few matches are sorted, many are walked to.
  for (const int count : {300, 5000}) {
    SCOPED_TRACE(count);
    MemorySearchIndex index{metrics_};
    std::vector<Image> images;
    std::set<std::string> old;
    for (int i = 0; i < count; ++i) {
      images.push_back(Picture("old" + std::to_string(i), "fox"));
      images.back().create_time += absl::Seconds(i / 7);
      old.insert(images.back().id);
    }
    index.Apply(images, {});
    for (const char* query : {"fox", ""}) {
      std::vector<std::string> seen;
      std::string token;
      for (int round = 0;; ++round) {
        const auto page = index.Search(Principal::Anonymous(), {query, 97, token});
        ASSERT_TRUE(page.ok()) << page.status();
        for (const SearchHit& hit : page->hits) seen.push_back(hit.id);
        token = page->next_page_token;
        if (token.empty()) break;
        Image fresh = Picture(std::string("new") + query + std::to_string(round), "fox");
        fresh.create_time += absl::Hours(24);
        // The image that the token points at changes, and one comes.
        Image last = *page->hits.back().image;
        ++last.revision;
        index.Apply({fresh, last}, {});
      }
      std::erase_if(seen, [](const std::string& id) { return id.starts_with("new"); });
      EXPECT_EQ(seen.size(), old.size());
      EXPECT_EQ(std::set<std::string>(seen.begin(), seen.end()), old);
    }
  }
}

TEST_F(IndexTest, GoesOnAfterAnImageThatIsGone) {
  index_.Apply({Picture("a"), Picture("b"), Picture("c")}, {});
  const auto first = Search("", 1);
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(first->total, 3);
  index_.Apply({}, {"c"});
  const auto second = Search("", 1, first->next_page_token);
  ASSERT_TRUE(second.ok());
  EXPECT_EQ(second->hits.at(0).id, "b");
  EXPECT_EQ(second->total, 2);
}

TEST_F(IndexTest, GivesNoTokenOnTheLastPage) {
  index_.Apply({Picture("a"), Picture("b")}, {});
  EXPECT_EQ(Search("", 2)->next_page_token, "");
  EXPECT_NE(Search("", 1)->next_page_token, "");
}

TEST_F(IndexTest, RefusesTokensThatAreNotOfThisQuery) {
  index_.Apply({Picture("a", "fox"), Picture("b", "fox")}, {});
  const std::string token = Search("fox", 1)->next_page_token;
  for (const auto& [query, bad] : {std::pair<std::string, std::string>{"fo", token},
                                   {"fox", "garbage!"},
                                   {"fox", "AAAA"},
                                   {"fox", token.substr(0, 8)}}) {
    const auto refused = Search(query, 1, bad);
    EXPECT_EQ(refused.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(DetailsOf(refused.status()).reason, "BAD_PAGE_TOKEN");
  }
  EXPECT_EQ(Search("fox", 501).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Search("fox", -1).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(IndexTest, StaysTheSameThroughARebuild) {
  std::vector<Image> images;
  for (int i = 0; i < 3000; ++i) {
    images.push_back(Picture("i" + std::to_string(i), i % 3 == 0 ? "red fox" : "fox"));
    images.back().create_time += absl::Seconds(i);
  }
  index_.Apply(images, {});
  std::vector<std::string> gone;
  for (int i = 0; i < 3000; ++i) {
    if (i % 3 != 0) gone.push_back(images[i].id);
  }
  index_.Apply({}, gone);
  EXPECT_EQ(metrics_.GetCounter("stockroom_search_rebuilds_total", "").value(), 1u);
  EXPECT_EQ(index_.size(), 1000);
  EXPECT_EQ(Search("red", 10)->total, 1000);
  EXPECT_EQ(Search("fox", 1)->hits.at(0).id, "i2997");
  index_.Apply({images[1]}, {"i2997"});
  EXPECT_EQ(Search("fox", 1)->hits.at(0).id, "i2994");
  EXPECT_EQ(Search("", 1)->total, 999);
}

}  // namespace
}  // namespace stockroom::api
