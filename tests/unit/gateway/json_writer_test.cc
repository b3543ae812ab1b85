#include "services/api/gateway/json_writer.h"

#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>
#include <stockroom/v1/events.pb.h>
#include <stockroom/v1/images.pb.h>
#include <stockroom/v1/search.pb.h>

#include <limits>
#include <nlohmann/json.hpp>

namespace stockroom::api {
namespace {

using google::protobuf::Message;
using google::protobuf::Value;
using nlohmann::ordered_json;

// What protobuf's own printer says.
std::string Theirs(const Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.always_print_primitive_fields = true;
  std::string json;
  EXPECT_TRUE(google::protobuf::util::MessageToJsonString(message, &json, options).ok());
  return json;
}

// Maps have no order in protobuf's JSON, everything else has.
void ExpectTheSame(const Message& message) {
  const auto ours = WriteJson(message);
  ASSERT_TRUE(ours.ok()) << ours.status();
  EXPECT_EQ(nlohmann::json::parse(*ours), nlohmann::json::parse(Theirs(message))) << *ours;
}

v1::Image FullImage() {
  v1::Image image;
  image.set_id("0198c5a1-7b3e-7cc1-8d2f-3a5b6c7d8e9f");
  image.set_title(
      "Hafen \"im\" <Nebel> \\ \t\n\x01\x7f \xe2\x82\xac \xf0\x9f\x9a\xa2 \xe2\x80\xa8");
  image.add_tags("a");
  image.add_tags("");
  (*image.mutable_attributes())["z"] = "1";
  (*image.mutable_attributes())["a\""] = "";
  image.set_visibility(v1::UNLISTED);
  image.set_state(v1::READY);
  image.set_size_bytes(std::numeric_limits<int64_t>::max());
  image.set_width(-1);
  image.set_revision(3);
  image.mutable_taken_time()->set_seconds(1608804000);
  image.mutable_create_time()->set_seconds(1608804000);
  image.mutable_create_time()->set_nanos(120'000'000);
  image.mutable_update_time()->set_seconds(-62135596800);
  image.mutable_update_time()->set_nanos(1);
  image.add_renditions()->set_preset("thumb");
  auto& analysis = *image.mutable_analysis()->mutable_fields();
  for (const double number : {0.0, -0.5, 1.0, 1e300, 1e-7, 0.1, 123456789012345678.0, 3.0e15}) {
    analysis["list"].mutable_list_value()->add_values()->set_number_value(number);
  }
  analysis["null"].set_null_value(google::protobuf::NULL_VALUE);
  analysis["yes"].set_bool_value(true);
  analysis["empty list"].mutable_list_value();
  (*analysis["object"].mutable_struct_value()->mutable_fields())["inner"].set_string_value("x");
  analysis["empty object"].mutable_struct_value();
  return image;
}

TEST(JsonWriter, WritesWhatProtobufsPrinterWrites) {
  ExpectTheSame(v1::Image());
  ExpectTheSame(FullImage());
  v1::ListImagesResponse list;
  ExpectTheSame(list);
  *list.add_images() = FullImage();
  list.add_images();
  ExpectTheSame(list);
  v1::WatchRequest optional;
  ExpectTheSame(optional);
  optional.set_after_position(0);
  ExpectTheSame(optional);
  v1::UpdateImageRequest mask;
  mask.mutable_update_mask()->add_paths("title");
  mask.mutable_update_mask()->add_paths("taken_time");
  ExpectTheSame(mask);
}

TEST(JsonWriter, FieldsComeInTheOrderOfTheirDeclarationAndMapsInThatOfTheirKeys) {
  const std::string json = *WriteJson(FullImage());
  const auto parsed = ordered_json::parse(json);
  int last = -1;
  for (const auto& [name, value] : parsed.items()) {
    const auto* field = v1::Image::descriptor()->FindFieldByCamelcaseName(name);
    ASSERT_NE(field, nullptr) << name;
    EXPECT_GT(field->index(), last);
    last = field->index();
  }
  EXPECT_LT(json.find("\"a\\\"\""), json.find("\"z\""));
  EXPECT_EQ(json, *WriteJson(FullImage()));
}

TEST(JsonWriter, WhatCouldEndAScriptOrALineIsEscaped) {
  Value value;
  value.set_string_value("</script>\n\xe2\x80\xa9");
  EXPECT_EQ(*WriteJson(value), R"("\u003c/script\u003e\n\u2029")");
}

TEST(JsonWriter, BytesThatAreNoTextBecomeReplacementCharacters) {
  const std::string bad[] = {
      "\x80", "\xc3",     "\xc0\xaf",        "\xed\xa0\x80", "\xf4\x90\x80\x80",
      "\xff", "\xe2\x82", "\xf0\x8f\xbf\xbf"};
  for (const std::string& text : bad) {
    Value value;
    value.set_string_value("a" + text + "b");
    const auto json = WriteJson(value);
    ASSERT_TRUE(json.ok());
    const auto parsed = nlohmann::json::parse(*json, nullptr, false);
    ASSERT_TRUE(parsed.is_string()) << *json;
    EXPECT_NE(parsed.get<std::string>().find("\xef\xbf\xbd"), std::string::npos);
    EXPECT_EQ(parsed.get<std::string>().back(), 'b');
  }
}

TEST(JsonWriter, NumbersThatJsonHasNotAreText) {
  Value value;
  value.set_number_value(std::numeric_limits<double>::infinity());
  EXPECT_EQ(*WriteJson(value), "\"Infinity\"");
  value.set_number_value(-std::numeric_limits<double>::infinity());
  EXPECT_EQ(*WriteJson(value), "\"-Infinity\"");
  value.set_number_value(std::numeric_limits<double>::quiet_NaN());
  EXPECT_EQ(*WriteJson(value), "\"NaN\"");
}

TEST(JsonWriter, WhatHasNoTextIsAnError) {
  v1::Image image;
  image.mutable_taken_time()->set_seconds(std::numeric_limits<int64_t>::max());
  EXPECT_TRUE(absl::IsInternal(WriteJson(image).status()));
  Value deep;
  Value* at = &deep;
  for (int i = 0; i < 200; ++i) at = at->mutable_list_value()->add_values();
  EXPECT_TRUE(absl::IsInternal(WriteJson(deep).status()));
}

}  // namespace
}  // namespace stockroom::api
