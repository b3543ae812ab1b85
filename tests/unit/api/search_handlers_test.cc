#include "services/api/handlers/search_handlers.h"

#include <gtest/gtest.h>

#include "services/api/search/memory_search_index.h"
#include "services/common/base/status.h"

namespace stockroom::api {
namespace {

class SearchHandlersTest : public ::testing::Test {
 protected:
  SearchHandlersTest() {
    for (const char* id : {"a", "b"}) {
      Image image;
      image.id = id;
      image.state = ImageState::kReady;
      image.described.tags = {"Sea"};
      image.facts = {.width = 3, .height = 2, .format = "png"};
      image.analysis["thumbhash"] = R"({"base64":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"})";
      image.revision = 1;
      index_.Apply({image}, {});
    }
  }

  Metrics metrics_;
  TimerQueue timers_;
  MemorySearchIndex index_{metrics_};
  FeedPosition position_{timers_};
  SearchHandlers handlers_{index_, position_};
  const CallContext context_ = CallContext::WithTimeout(absl::Seconds(10));
  const Principal who_ = Principal::Anonymous();
};

TEST_F(SearchHandlersTest, FacetsComeInTheOrderAskedFor) {
  v1::SearchImagesRequest request;
  EXPECT_TRUE(handlers_.SearchImagesIfCheap(who_, request).has_value());
  for (const char* name : {"orientation", "tag", "license"}) request.add_facets(name);
  v1::SearchImagesResponse response;
  ASSERT_TRUE(handlers_.SearchImages(context_, who_, request, &response).ok());
  ASSERT_EQ(response.facets_size(), 3);
  EXPECT_EQ(response.facets(0).field(), "orientation");
  EXPECT_EQ(response.facets(0).values(0).value(), "landscape");
  EXPECT_EQ(response.facets(1).values(0).value(), "Sea");
  EXPECT_EQ(response.facets(1).values(0).count(), 2);
  EXPECT_EQ(response.facets(2).values_size(), 0);
}

TEST_F(SearchHandlersTest, AFacetThatIsUnknownOrNamedTwiceIsRefused) {
  for (const char* second : {"tag", "Format", "", "tags"}) {
    v1::SearchImagesRequest request;
    request.add_facets("tag");
    request.add_facets(second);
    v1::SearchImagesResponse response;
    const absl::Status refused = handlers_.SearchImages(context_, who_, request, &response);
    EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(DetailsOf(refused).violations.at(0).field, "facets[1]") << second;
  }
}

TEST_F(SearchHandlersTest, SuggestionsSayWhatKindTheyAre) {
  v1::SuggestRequest request;
  request.set_prefix("S");
  v1::SuggestResponse response;
  ASSERT_TRUE(handlers_.Suggest(context_, who_, request, &response).ok());
  ASSERT_EQ(response.suggestions_size(), 2);
  EXPECT_EQ(response.suggestions(0).kind(), v1::Suggestion::TAG);
  EXPECT_EQ(response.suggestions(0).text(), "Sea");
  EXPECT_EQ(response.suggestions(0).count(), 2);
  EXPECT_EQ(response.suggestions(1).kind(), v1::Suggestion::WORD);
  EXPECT_EQ(response.suggestions(1).text(), "sea");
}

TEST_F(SearchHandlersTest, SimilarImagesComeInTheViewAskedFor) {
  v1::FindSimilarRequest request;
  request.set_id("a");
  v1::FindSimilarResponse response;
  ASSERT_TRUE(handlers_.FindSimilar(context_, who_, request, &response).ok());
  ASSERT_EQ(response.matches_size(), 1);
  EXPECT_EQ(response.matches(0).image().id(), "b");
  EXPECT_EQ(response.matches(0).distance(), 0);
  EXPECT_EQ(response.matches(0).image().analysis().fields_size(), 0);
  request.set_view(v1::FULL);
  response.Clear();
  ASSERT_TRUE(handlers_.FindSimilar(context_, who_, request, &response).ok());
  EXPECT_EQ(response.matches(0).image().analysis().fields_size(), 1);
  request.set_id("none");
  EXPECT_EQ(handlers_.FindSimilar(context_, who_, request, &response).code(),
            absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace stockroom::api
