#include "services/api/search/similar/result_reader.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace stockroom::api {
namespace {

// What Skip makes of a text: whether it is one JSON value.
bool IsJson(std::string_view text) {
  ResultReader reader(text);
  reader.Skip();
  return reader.ok() && reader.AtEnd();
}

TEST(ResultReader, SkipsAnyValue) {
  for (const char* const text :
       {R"({})", R"([])", R"(7)", R"(-1.5e3)", R"("")", R"("a\"b")", R"(true)", R"(false)",
        R"(null)", R"( [ 1 , [ ] , { "a" : [ { } , "x" ] , "b" : null } ] )",
        R"({"a":{"b":{}}})"}) {
    EXPECT_TRUE(IsJson(text)) << text;
  }
}

TEST(ResultReader, RefusesWhatIsNotWhole) {
  for (const char* const text :
       {"",        " ",        "{",        "[",   "\"", "\"\\", "\"\\\"",    "{\"a\"",
        "{\"a\":", "{\"a\":}", "{\"a\":1", "{,}", "[1", "[1,",  "[1 2]",     "[1}",
        "{]",      "tru",      "nul",      "-",   "x",  "1 2",  "{\"a\" 1}", "{1:2}"}) {
    EXPECT_FALSE(IsJson(text)) << text;
  }
}

TEST(ResultReader, DescendsOnlySoFar) {
  EXPECT_TRUE(IsJson(std::string(32, '[') + std::string(32, ']')));
  EXPECT_FALSE(IsJson(std::string(33, '[') + std::string(33, ']')));
  EXPECT_FALSE(IsJson(std::string(1'000'000, '[')));
}

TEST(ResultReader, ReadsMembersAndElements) {
  ResultReader reader(R"({"a": [1, -2.5, 3], "b": "text", "c": {"d": 1}})");
  std::vector<double> numbers;
  std::string text;
  std::string_view key;
  for (reader.Enter('{'); reader.NextMember(key);) {
    if (key == "a") {
      for (reader.Enter('['); reader.NextElement();) numbers.push_back(reader.Number());
    } else if (key == "b") {
      text = reader.String();
    } else {
      reader.Skip();
    }
  }
  EXPECT_TRUE(reader.ok() && reader.AtEnd());
  EXPECT_EQ(numbers, (std::vector<double>{1, -2.5, 3}));
  EXPECT_EQ(text, "text");
}

TEST(ResultReader, AfterAMistakeNothingIsRead) {
  ResultReader reader(R"([1e999, "x"])");
  reader.Enter('[');
  ASSERT_TRUE(reader.NextElement());
  EXPECT_EQ(reader.Number(), 0);
  EXPECT_FALSE(reader.ok());
  EXPECT_FALSE(reader.NextElement());
  EXPECT_EQ(reader.Peek(), '\0');
  EXPECT_EQ(reader.String(), "");
  reader.Skip();
  EXPECT_FALSE(reader.ok());
}

}  // namespace
}  // namespace stockroom::api
