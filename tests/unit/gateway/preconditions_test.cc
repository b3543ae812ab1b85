#include "services/api/gateway/preconditions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace stockroom::api {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

absl::StatusOr<IfMatch> Match(std::string_view value) {
  http::Headers headers;
  headers.Set("If-Match", value);
  return ParseIfMatch(headers);
}
absl::StatusOr<std::string> Key(std::string_view value) {
  http::Headers headers;
  headers.Set("Idempotency-Key", value);
  return ParseIdempotencyKey(headers);
}

TEST(IfMatch, NamesRevisionsByStrongTagsOnly) {
  EXPECT_FALSE(ParseIfMatch(http::Headers())->conditional);
  EXPECT_FALSE(Match(" * ")->conditional);
  EXPECT_THAT(Match("\"3\"")->revisions, ElementsAre(3));
  EXPECT_THAT(Match("\"3\" , W/\"4\",\"5\"")->revisions, ElementsAre(3, 5));
  for (const char* other :
       {"W/\"3\"", "\"\"", "\"03\"", "\"-3\"", "\"x,y\"", "\"0\"", "\"99999999999999999999\""}) {
    EXPECT_THAT(Match(other)->revisions, IsEmpty()) << other;
    EXPECT_TRUE(Match(other)->conditional) << other;
  }
}

TEST(IfMatch, RefusesWhatIsNoListOfTags) {
  std::string many = "\"1\"";
  for (size_t i = 0; i < kMaxTags; ++i) many += ",\"1\"";
  for (const std::string& bad : {std::string(""), std::string("3"), std::string("\"3"),
                                 std::string("\"3\" \"4\""), std::string("\"3\","), many}) {
    EXPECT_TRUE(absl::IsInvalidArgument(Match(bad).status())) << bad;
  }
}

TEST(IdempotencyKey, IsTakenBareOrQuoted) {
  EXPECT_EQ(*ParseIdempotencyKey(http::Headers()), "");
  EXPECT_EQ(*Key("abc-1"), "abc-1");
  EXPECT_EQ(*Key(" \"abc-1\" "), "abc-1");
  EXPECT_EQ(*Key(R"("a\"b\\c")"), R"(a"b\c)");
}

TEST(IdempotencyKey, RefusesWhatIsNoKey) {
  for (const std::string& bad : {std::string(""), std::string("\"\""), std::string("\"a"),
                                 std::string("\""), std::string("a b"), std::string("\"a\\x\""),
                                 std::string("\"a\"b\""), std::string(256, 'a')}) {
    EXPECT_TRUE(absl::IsInvalidArgument(Key(bad).status())) << bad;
  }
  http::Headers twice;
  twice.Add("Idempotency-Key", "a");
  twice.Add("idempotency-key", "b");
  EXPECT_TRUE(absl::IsInvalidArgument(ParseIdempotencyKey(twice).status()));
}

}  // namespace
}  // namespace stockroom::api
