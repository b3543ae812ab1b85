// What SearchImages takes and gives, over an index that is told what to answer.
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "services/api/handlers/convert.h"
#include "services/api/handlers/search_handlers.h"
#include "services/api/handlers/serialise.h"
#include "services/api/handlers/wire_image.h"
#include "services/common/base/status.h"
#include "tests/support/catalogue.h"
#include "tests/unit/api/scripted_index.h"

namespace stockroom::api {
namespace {

using google::protobuf::util::MessageDifferencer;

Image RichImage(int number) {
  Image image;
  image.id = "0198c5a1-7b3e-7cc1-8d2f-00000000000" + std::to_string(number);
  image.owner = "anna";
  image.state = ImageState::kReady;
  image.described.title = "Hafen bei Nacht " + std::to_string(number);
  image.described.description = std::string(300, 'x');
  image.described.tags = {"See", "Boote"};
  for (int i = 0; i < 20; ++i) image.described.attributes["key" + std::to_string(i)] = "value";
  image.md5 = std::string(16, '\x07');
  image.facts = {.width = 4000, .height = 3000, .format = "jpeg", .media_type = "image/jpeg"};
  image.facts.taken_time = absl::FromUnixSeconds(1'700'000'000);
  image.analysis["thumbhash"] = R"({"base64":"AAAA"})";
  image.analysis["palette"] = R"({"colors":[{"hex":"#102030","share":0.5},{"hex":"#fff"}]})";
  image.analysis["nested"] = R"({"z":1,"a":{"b":[true,null,"x",{"c":[]}]},"m":{}})";
  image.renditions.push_back({.preset = "thumb-320", .format = "webp", .width = 320});
  image.create_time = absl::FromUnixMicros(1'700'000'000'123'456);
  image.revision = number;
  return image;
}

class SearchAnswerTest : public ::testing::Test {
 protected:
  // `made` in advance as an index does, or not.
  SearchResult ResultOf(Fetch fetch, bool made) {
    SearchResult result;
    for (int i = 1; i <= 3; ++i) {
      auto image = std::make_shared<const Image>(RichImage(i));
      SearchHit& hit = result.hits.emplace_back();
      hit.id = image->id;
      hit.score = 12.5 * i;
      hit.collapsed = i - 1;
      hit.highlights = {{.field = "title", .text = image->described.title, .ranges = {{0, 5}}}};
      if (fetch == Fetch::kIds) continue;
      if (!made) {
        hit.image = image;
        continue;
      }
      const WireImage wire = WireOf(*image);
      std::string& kept = kept_[hit.id];
      kept = fetch == Fetch::kWireFull ? wire.basic + wire.rest : wire.basic;
      hit.wire = kept;
    }
    result.next_page_token = "further";
    result.total = 1234;
    result.total_is_exact = false;
    result.facets = {{{"See", 3}, {"Boote", 2}}};
    result.explanation = "word \"hafen\": 3";
    return result;
  }

  absl::StatusOr<v1::SearchImagesResponse> Plain(const v1::SearchImagesRequest& request) {
    v1::SearchImagesResponse response;
    SR_RETURN_IF_ERROR(handlers_.SearchImages(context_, who_, request, &response));
    return response;
  }
  absl::StatusOr<v1::SearchImagesResponse> InBytes(const v1::SearchImagesRequest& request) {
    SR_ASSIGN_OR_RETURN(const std::string bytes, handlers_.SearchImagesInBytes(who_, request));
    v1::SearchImagesResponse response;
    if (!response.ParseFromString(bytes)) return absl::DataLossError("not a message");
    return response;
  }
  absl::Status Refusal(const v1::SearchImagesRequest& request) { return Plain(request).status(); }

  std::map<std::string, std::string> kept_;
  TimerQueue timers_;
  ScriptedIndex index_;
  FeedPosition position_{timers_};
  SearchHandlers handlers_{index_, position_};
  const CallContext context_ = CallContext::WithTimeout(absl::Seconds(10));
  const Principal who_ = Principal::Anonymous();
};

TEST_F(SearchAnswerTest, BasicBytesAndTheRestAreTheFullMessage) {
  const Image image = RichImage(1);
  const WireImage wire = WireOf(image);
  for (const v1::ImageView view : {v1::BASIC, v1::FULL}) {
    v1::Image expected;
    ToMessage(image, view, &expected);
    v1::Image read;
    ASSERT_TRUE(read.ParseFromString(view == v1::BASIC ? wire.basic : wire.basic + wire.rest));
    EXPECT_TRUE(MessageDifferencer::Equals(read, expected)) << read.DebugString();
  }
  const WireImage again = WireOf(RichImage(1));
  EXPECT_EQ(again.basic, wire.basic);
  EXPECT_EQ(again.rest, wire.rest);
}

TEST_F(SearchAnswerTest, BasicBytesAreThoseOfTheMessageWhateverIsInIt) {
  std::vector<Image> images = {Image(), RichImage(1)};
  const testing::Catalogue catalogue;
  for (uint64_t i = 0; i < 200; ++i) images.push_back(catalogue.At(i));
  Image odd = RichImage(2);
  odd.sha256 = Digest::Of("x");
  odd.described.tags = {"", std::string(127, 'a'), std::string(128, 'b'), std::string(70'000, 'c')};
  odd.described.attributes = {{"", ""}, {"a", ""}, {"a-b", std::string(20'000, 'd')}};
  odd.described.visibility = Visibility::kPrivate;
  odd.failure_reason = "torn";
  odd.filename = "\xc3\xa4.jpg";
  odd.facts.frames = 7;
  odd.facts.taken_time = absl::InfinitePast();
  odd.create_time = absl::InfiniteFuture();
  odd.update_time = absl::FromUnixMicros(-1);
  odd.size_bytes = std::numeric_limits<int64_t>::max();
  odd.revision = -3;
  odd.renditions.push_back({.preset = "p",
                            .recipe = std::string(130, 'r'),
                            .format = "jpeg",
                            .media_type = "image/jpeg",
                            .width = -1,
                            .height = std::numeric_limits<int32_t>::min(),
                            .size_bytes = 1});
  odd.renditions.emplace_back();
  images.push_back(odd);
  odd.state = ImageState::kUploading;
  images.push_back(odd);
  for (const Image& image : images) {
    v1::Image message;
    ToMessage(image, v1::BASIC, &message);
    EXPECT_EQ(WireOf(image).basic, Serialise(message)) << message.DebugString();
  }
}

TEST_F(SearchAnswerTest, WhateverAResultHoldsItsBytesAreItsMessage) {
  const auto nested = [](int levels) {
    std::string text;
    for (int i = 1; i < levels; ++i) text += R"({"a":)";
    text += "{}";
    return text.append(static_cast<size_t>(levels - 1), '}');
  };
  std::vector<std::string> results = {
      R"({})",
      R"({"a":-0.0,"b":1e300,"c":-7,"d":18446744073709551615,"e":0.1})",
      R"({"a":123456789012345678901234567890})",
      R"({"a":1,"a":2,"b":{"c":"x","c":[]}})",
      R"({"\u00e4\n":"\ud83d\ude00","":""})",
      R"({"a":-0,"b":0,"c":-12.5e-3,"d":999999999999999,"e":-9007199254740993,"f":1E5,"g":0.0})",
      R"({"a":[],"b":{},"c":[{}],"d":[1,"x",true,false,null,[2]]})",
      R"({"a":01})",
      R"({"a":1.})",
      R"({"a":.5})",
      R"({"a":-})",
      R"({"a":+1})",
      R"({"a":1e})",
      R"({"a":1e999})",
      R"({"a":1e-999})",
      R"({"a":1,})",
      R"({,})",
      R"({"a":[1,]})",
      R"({"a":[,1]})",
      R"({"a" 1})",
      R"({"a":tru})",
      R"({"a":truer})",
      R"({"a":nul)",
      R"({"a":1}x)",
      R"({"a":1} )",
      R"( {"a": [1, 2]})",
      R"({"a":"b)",
      "{\"a\":\"tab\tin it\"}",
      "{\"a\":\"\x7f\"}",
      "{\"a\":\"\xc3\xa4\",\"\xe5\xaf\x8c\":1}",
      "{\"a\":\"\xff\"}",
      std::string("{\"a\":1\0}", 8),
      R"([1,2])",
      R"("text")",
      R"({"a":)",
      "",
      R"({"long":")" + std::string(20'000, 'x') + R"(","list":[[[)" + std::string(300, '1') +
          R"(]],{"y":[true,false,null]}]})",
      nested(15),
      nested(16),
      nested(17),
      nested(20),
      nested(64),
      nested(65),
      nested(66),
      R"({"a":[1.5,-2.25,12345678901234.5,1234567890123456.5,0.000000000000001,1e22,1E-7,1.]})",
      R"({"a":[1.3333333730697632,0.30000000000000004,123456789012345,1234567890123456,2.5e+3]})",
  };
  // Whatever stands wherever in a text, and lengths that take a byte more.
  for (const char* const odd : {"\\n", "\"", "\\", "\x01", "\x7f", "\xc3\xa4", "\x80"}) {
    for (size_t at = 0; at < 20; ++at) {
      std::string text(24, 'x');
      results.push_back(R"({"a":")" + text.insert(at, odd) + R"("})");
    }
  }
  for (size_t length = 90; length < 130; ++length) {
    const std::string text(length, 'x');
    results.push_back(R"({"a":{"b":[{"c":")" + text + R"("},2]},")" + text + R"(":null})");
  }
  for (const std::string& result : results) {
    for (const bool alone : {true, false}) {
      Image image = RichImage(1);
      if (alone) image.analysis.clear();
      image.analysis["result"] = result;
      const WireImage wire = WireOf(image);
      v1::Image expected;
      ToMessage(image, v1::FULL, &expected);
      google::protobuf::io::ArrayInputStream bytes(wire.rest.data(),
                                                   static_cast<int>(wire.rest.size()));
      google::protobuf::io::CodedInputStream coded(&bytes);
      coded.SetRecursionLimit(1000);
      v1::Image read;
      ASSERT_TRUE(read.ParseFromString(wire.basic) && read.MergeFromCodedStream(&coded));
      EXPECT_TRUE(MessageDifferencer::Equals(read, expected)) << result.substr(0, 100);
    }
  }
}

TEST_F(SearchAnswerTest, TheAnswerInBytesIsTheAnswerInMessages) {
  position_.Advance(77);
  for (const bool made : {true, false}) {
    for (const Fetch fetch : {Fetch::kIds, Fetch::kWireBasic, Fetch::kWireFull}) {
      index_.answer = ResultOf(fetch, made);
      v1::SearchImagesRequest request;
      request.add_facets("tag");
      request.set_ids_only(fetch == Fetch::kIds);
      request.set_view(fetch == Fetch::kWireFull ? v1::FULL : v1::BASIC);
      const auto plain = Plain(request);
      ASSERT_TRUE(plain.ok()) << plain.status();
      EXPECT_EQ(index_.asked.fetch, fetch);
      const auto bytes = InBytes(request);
      ASSERT_TRUE(bytes.ok()) << bytes.status();
      EXPECT_TRUE(MessageDifferencer::Equals(*plain, *bytes));
      ASSERT_EQ(plain->images_size(), fetch == Fetch::kIds ? 0 : 3);
      ASSERT_EQ(plain->hits_size(), 3);
      EXPECT_EQ(plain->feed_position(), 77);
      EXPECT_EQ(plain->total(), 1234);
      EXPECT_TRUE(plain->total_is_estimate());
      EXPECT_EQ(plain->next_page_token(), "further");
      EXPECT_EQ(plain->hits(2).similar_count(), 2);
      EXPECT_EQ(plain->hits(2).score(), 37.5);
      if (fetch == Fetch::kIds) continue;
      v1::Image expected;
      ToMessage(RichImage(2), request.view(), &expected);
      EXPECT_TRUE(MessageDifferencer::Equals(plain->images(1), expected));
    }
  }
}

TEST_F(SearchAnswerTest, HitsWithoutHighlightsAreTheSameInBytes) {
  SearchResult result;
  const double scores[] = {0, -0.0, 12.5, -3, std::numeric_limits<double>::infinity()};
  for (const double score : scores) {
    result.hits.push_back({.id = score == 12.5 ? "" : "the id of " + std::to_string(score),
                           .score = score,
                           .collapsed = static_cast<int64_t>(result.hits.size()) * 100});
  }
  index_.answer = result;
  v1::SearchImagesRequest request;
  request.set_ids_only(true);
  const auto plain = Plain(request);
  const auto bytes = InBytes(request);
  ASSERT_TRUE(plain.ok() && bytes.ok());
  ASSERT_EQ(plain->hits_size(), 5);
  EXPECT_TRUE(MessageDifferencer::Equals(*plain, *bytes));
  EXPECT_TRUE(std::signbit(bytes->hits(1).score()));
}

TEST_F(SearchAnswerTest, EveryWishReachesTheIndex) {
  v1::SearchImagesRequest request;
  request.set_q("red fox");
  request.set_page_size(7);
  request.set_page_token("t");
  request.set_order(v1::MOST_SIMILAR);
  request.set_similar_to("x");
  request.set_seed(9);
  request.set_exact_total(true);
  request.set_collapse_similar(true);
  request.set_highlight(true);
  request.set_typos(2);
  request.set_stemming("english");
  ASSERT_TRUE(Plain(request).ok());
  EXPECT_EQ(index_.asked.query, "red fox");
  EXPECT_EQ(index_.asked.page_size, 7);
  EXPECT_EQ(index_.asked.page_token, "t");
  EXPECT_EQ(index_.asked.sort, SortOrder::kSimilar);
  EXPECT_EQ(index_.asked.similar_to, "x");
  EXPECT_EQ(index_.asked.seed, 9u);
  EXPECT_TRUE(index_.asked.exact_total);
  EXPECT_TRUE(index_.asked.collapse);
  EXPECT_TRUE(index_.asked.highlight);
  EXPECT_FALSE(index_.asked.explain);
  EXPECT_EQ(index_.asked.typos, 2);
  EXPECT_EQ(index_.asked.stemming, "english");
  EXPECT_EQ(index_.asked.fetch, Fetch::kWireBasic);
}

TEST_F(SearchAnswerTest, OrdersAreThoseOfTheIndex) {
  const std::map<v1::SearchOrder, SortOrder> orders = {
      {v1::SEARCH_ORDER_UNSPECIFIED, SortOrder::kDefault},
      {v1::RELEVANCE, SortOrder::kRelevance},
      {v1::NEWEST, SortOrder::kNewest},
      {v1::POPULAR, SortOrder::kPopular},
      {v1::LARGEST, SortOrder::kLargest},
      {v1::MOST_SIMILAR, SortOrder::kSimilar},
      {v1::RANDOM, SortOrder::kRandom}};
  ASSERT_EQ(orders.size(), static_cast<size_t>(v1::SearchOrder_descriptor()->value_count()));
  for (const auto& [order, sort] : orders) {
    v1::SearchImagesRequest request;
    request.set_order(order);
    ASSERT_TRUE(Plain(request).ok());
    EXPECT_EQ(index_.asked.sort, sort);
  }
}

TEST_F(SearchAnswerTest, WhatDoesNotFitIsRefusedByName) {
  const auto field_of = [&](const v1::SearchImagesRequest& request) {
    const absl::Status refused = Refusal(request);
    EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument);
    const auto at_once = handlers_.SearchImagesIfCheap(who_, request);
    EXPECT_TRUE(at_once.has_value()) << "refusing takes no thread";
    if (at_once.has_value()) {
      EXPECT_EQ(at_once->status(), refused);
    }
    const ErrorDetails details = DetailsOf(refused);
    return details.violations.empty() ? std::string() : details.violations[0].field;
  };
  index_.cheap = false;
  v1::SearchImagesRequest request;
  request.set_page_size(501);
  EXPECT_EQ(field_of(request), "page_size");
  request.Clear();
  request.set_page_size(-1);
  EXPECT_EQ(field_of(request), "page_size");
  request.Clear();
  request.set_typos(3);
  EXPECT_EQ(field_of(request), "typos");
  request.Clear();
  request.set_order(static_cast<v1::SearchOrder>(99));
  EXPECT_EQ(field_of(request), "order");
  request.Clear();
  request.set_similar_to("x");
  EXPECT_EQ(field_of(request), "similar_to");
}

TEST_F(SearchAnswerTest, HighlightsCountCharactersNotBytes) {
  SearchResult result;
  SearchHit& hit = result.hits.emplace_back();
  hit.id = "a";
  // ü is two bytes, 狐 three, 🦊 four.
  hit.highlights = {
      {.field = "title", .text = "für 狐 🦊fox", .ranges = {{0, 4}, {5, 8}, {9, 16}}}};
  index_.answer = result;
  const auto answer = Plain({});
  ASSERT_TRUE(answer.ok());
  const v1::Highlight& highlight = answer->hits(0).highlights(0);
  EXPECT_EQ(highlight.field(), "title");
  ASSERT_EQ(highlight.ranges_size(), 3);
  EXPECT_EQ(highlight.ranges(0).begin(), 0);
  EXPECT_EQ(highlight.ranges(0).end(), 3);
  EXPECT_EQ(highlight.ranges(1).begin(), 4);
  EXPECT_EQ(highlight.ranges(1).end(), 5);
  EXPECT_EQ(highlight.ranges(2).begin(), 6);
  EXPECT_EQ(highlight.ranges(2).end(), 10);
}

TEST_F(SearchAnswerTest, SuggestionsOfCamerasSaySo) {
  index_.suggestions = {{.text = "Canon EOS R5", .kind = Suggestion::Kind::kCamera, .count = 4}};
  v1::SuggestResponse response;
  ASSERT_TRUE(handlers_.Suggest(context_, who_, {}, &response).ok());
  EXPECT_EQ(response.suggestions(0).kind(), v1::Suggestion::CAMERA);
}

TEST_F(SearchAnswerTest, TheIndexDecidesWhatIsCheap) {
  const auto at_once = handlers_.SearchImagesIfCheap(who_, {});
  ASSERT_TRUE(at_once.has_value());
  EXPECT_EQ(*at_once, handlers_.SearchImagesInBytes(who_, {}));
  index_.cheap = false;
  EXPECT_FALSE(handlers_.SearchImagesIfCheap(who_, {}).has_value());
}

TEST_F(SearchAnswerTest, StoredBytesThatAreNoImageAreAnErrorNotAnEmptyImage) {
  SearchResult result;
  SearchHit& hit = result.hits.emplace_back();
  hit.id = "a";
  hit.wire = "\xff\xff\xff";
  index_.answer = result;
  EXPECT_EQ(Plain({}).status().code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace stockroom::api
