// message Query and the tree of a query.
#include "services/api/handlers/query_messages.h"

#include <google/protobuf/arena.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include "services/api/search/query/check.h"
#include "services/api/search/query/query_parser.h"
#include "services/common/base/status.h"

namespace stockroom::api {
namespace {

v1::Query Message(const std::string& text) {
  v1::Query message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &message)) << text;
  return message;
}

std::string Canonical(const std::string& text) {
  const absl::StatusOr<Query> query = FromMessage(Message(text));
  return query.ok() ? CanonicalText(*query) : query.status().ToString();
}

TEST(QueryMessages, ATreeSaysWhatTheLanguageSays) {
  const std::pair<const char*, const char*> same[] = {
      {R"(words { words: "red" prefix: true })", "red"},
      {R"(words { words: "red" words: "fox" })", "\"red fox\""},
      {R"(words { words: "harbuor" typos: 1 })", "harbuor~1"},
      {R"(and { parts { words { words: "red" prefix: true } }
               parts { range { field: "w" min: "3000" } } })",
       "red w>=3000"},
      {R"(or { parts { value { field: "tag" value: "Snow" } }
              parts { not { value { field: "format" value: "jpeg" } } } })",
       "tag:snow OR NOT type:jpeg"},
      {R"(near { latitude: 52.5 longitude: 13.4 km: 10 })", "near:52.5,13.4,10km"},
      {R"(similar { id: "0198c5a1-7b3e-7cc1-8d2f-3a5b6c7d8e9f" })",
       "similar:0198c5a1-7b3e-7cc1-8d2f-3a5b6c7d8e9f"},
      {R"(value { field: "has" value: "location" })", "has:location"}};
  for (const auto& [tree, text] : same) {
    const absl::StatusOr<Query> read = FromMessage(Message(tree));
    ASSERT_TRUE(read.ok()) << tree << read.status();
    const absl::StatusOr<Query> parsed = ParseSearchQuery(text);
    ASSERT_TRUE(parsed.ok()) << text << parsed.status();
    EXPECT_EQ(*read, *parsed) << CanonicalText(*read) << " is not " << CanonicalText(*parsed);
  }
  EXPECT_TRUE(FromMessage(v1::Query())->IsEverything());
}

TEST(QueryMessages, EveryKindOfTermComesBackAsItWas) {
  const std::string md5(32, 'a');
  const std::string hash(64, '5');
  for (const std::string& text :
       {std::string(), std::string("red \"two words\" fox~1 img_12"),
        std::string("title:fox tag:snow tag:sno* desc:\"in the snow\" tags:a,b"),
        std::string(
            "owner:anna license:cc* type:jpeg camera:canon lens:50mm dataset:d state:failed"),
        std::string("orientation:panorama color:teal color:#102030 has:gps NOT has:tags"),
        std::string("w>=3000 h:1000..2000 mp>12 size<2mb taken:2024-01-01..2024-06-30"),
        std::string("created>=2024 date:*-12-2020 from:01-01-2020 to:31-12-2020"),
        std::string("near:-33.9,151.2,0.5km md5:" + md5), "hash:" + hash,
        std::string("similar:0198c5a1-7b3e-7cc1-8d2f-3a5b6c7d8e9f"),
        std::string("((a OR b) c) OR NOT (d e)"), std::string("-a -b")}) {
    const absl::StatusOr<Query> query = ParseSearchQuery(text);
    ASSERT_TRUE(query.ok()) << text << query.status();
    v1::Query message;
    ToMessage(*query, &message);
    const absl::StatusOr<Query> back = FromMessage(message);
    ASSERT_TRUE(back.ok()) << text << back.status() << message.DebugString();
    EXPECT_EQ(*back, *query) << text << "\n" << message.DebugString();
  }
}

TEST(QueryMessages, AMistakeNamesItsPart) {
  const std::pair<const char*, const char*> wrong[] = {
      {R"(and { parts { words { words: "a" } } parts { range { field: "w" min: "much" } } })",
       "query.and.parts[1].range"},
      {R"(not { value { field: "colr" value: "red" } })", "query.not.value"},
      {R"(similar {})", "query.similar"},
      {R"(similar { id: "x" hash: "y" })", "query.similar"},
      {R"(near { latitude: 99 })", "query.near"},
      {R"(words { words: "a" words: "b" typos: 1 })", "query.words"}};
  for (const auto& [tree, part] : wrong) {
    const absl::Status refused = FromMessage(Message(tree)).status();
    EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument) << tree;
    const ErrorDetails details = DetailsOf(refused);
    EXPECT_FALSE(details.reason.empty()) << tree;
    ASSERT_EQ(details.violations.size(), 1u) << tree << refused;
    EXPECT_EQ(details.violations[0].field, part);
  }
}

TEST(QueryMessages, HoweverDeepItIsItIsRefusedNotFollowed) {
  google::protobuf::Arena arena;  // which does not go down it to free it
  auto* message = google::protobuf::Arena::CreateMessage<v1::Query>(&arena);
  v1::Query* at = message;
  for (int i = 0; i < 100'000; ++i) at = at->mutable_not_();
  EXPECT_EQ(DetailsOf(FromMessage(*message).status()).reason, "QUERY_TOO_DEEP");
}

TEST(QueryMessages, AKindThatIsNotKnownIsNotEverything) {
  v1::Query newer;
  newer.GetReflection()->MutableUnknownFields(&newer)->AddVarint(99, 1);
  v1::Query message;
  *message.mutable_and_()->add_parts() = newer;
  const absl::Status refused = FromMessage(message).status();
  EXPECT_EQ(DetailsOf(refused).reason, "QUERY_UNKNOWN_NODE");
}

TEST(QueryMessages, TooManyLeavesAreRefused) {
  v1::Query message;
  for (int i = 0; i <= kMaxQueryLeaves; ++i) {
    message.mutable_or_()->add_parts()->mutable_words()->add_words("w" + std::to_string(i));
  }
  EXPECT_EQ(FromMessage(message).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(Canonical("or {}"), "") << "an empty group is no query";
}

}  // namespace
}  // namespace stockroom::api
