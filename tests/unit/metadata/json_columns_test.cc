#include "services/api/metadata/json_columns.h"

#include <gtest/gtest.h>

namespace stockroom::api {
namespace {

std::vector<Rendition> TwoRenditions() {
  Rendition small{.preset = "thumb-150",
                  .recipe = "fit=150x150/format=auto/q=80",
                  .key = "0123",
                  .format = "webp",
                  .media_type = "image/webp",
                  .width = 150,
                  .height = 100,
                  .size_bytes = int64_t{1} << 40,
                  .sha256 = Digest::Of("small")};
  Rendition large = small;
  large.preset = "large";
  large.sha256 = Digest::Of("large");
  return {small, large};
}

TEST(JsonColumns, WhatIsWrittenIsRead) {
  const std::vector<Rendition> renditions = TwoRenditions();
  std::vector<Rendition> read;
  ASSERT_TRUE(RenditionsFromJson(ToJson(renditions), read).ok());
  ASSERT_EQ(read.size(), 2u);
  EXPECT_EQ(read[0], renditions[0]);
  EXPECT_EQ(read[1], renditions[1]);

  const std::vector<std::string> list = {"a", "", "\"quoted\"", "\xe2\x82\xac", "line\nbreak"};
  std::vector<std::string> list_read;
  ASSERT_TRUE(ListFromJson(ToJson(list), list_read).ok());
  EXPECT_EQ(list_read, list);

  const std::map<std::string, std::string> pairs = {{"a", "{\"x\":[1]}"}, {"b\"", ""}};
  std::map<std::string, std::string> pairs_read;
  ASSERT_TRUE(MapFromJson(ToJson(pairs), pairs_read).ok());
  EXPECT_EQ(pairs_read, pairs);
}

TEST(JsonColumns, DamagedColumnsAreDataLoss) {
  const std::string good = ToJson(TwoRenditions());
  for (size_t cut = 1; cut < good.size(); ++cut) {
    std::vector<Rendition> read;
    EXPECT_TRUE(absl::IsDataLoss(RenditionsFromJson(good.substr(0, cut), read))) << cut;
  }
  for (const char* text : {"{}", "[1]", "[[]]", "[{}]", "null", "\"x\"", "[{\"preset\":1}]",
                           "[{\"width\":\"1\"}]", "[{\"preset\":{\"x\":1}}]", ""}) {
    std::vector<Rendition> read;
    EXPECT_TRUE(absl::IsDataLoss(RenditionsFromJson(text, read))) << text;
  }
  for (const char* text : {"{}", "[1]", "[[\"a\"]]", "[null]", "[\"a\"", "\"a\"", ""}) {
    std::vector<std::string> read;
    EXPECT_TRUE(absl::IsDataLoss(ListFromJson(text, read))) << text;
  }
  for (const char* text :
       {"[]", "{\"a\":1}", "{\"a\":{\"b\":\"c\"}}", "{\"a\":null}", "\"a\"", ""}) {
    std::map<std::string, std::string> read;
    EXPECT_TRUE(absl::IsDataLoss(MapFromJson(text, read))) << text;
  }
}

TEST(JsonColumns, ATextOrNumberThatALaterVersionAddedIsSkipped) {
  std::string text = ToJson(TwoRenditions());
  text.insert(2, "\"blurred\":\"yes\",\"stars\":5,");
  std::vector<Rendition> read;
  ASSERT_TRUE(RenditionsFromJson(text, read).ok());
  EXPECT_EQ(read.at(0), TwoRenditions().at(0));
}

}  // namespace
}  // namespace stockroom::api
