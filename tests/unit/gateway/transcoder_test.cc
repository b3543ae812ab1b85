#include "services/api/gateway/transcoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stockroom/v1/images.pb.h>
#include <stockroom/v1/search.pb.h>

#include "services/api/gateway/field_setter.h"
#include "services/common/base/status.h"

namespace stockroom::api {
namespace {

namespace pb = stockroom::v1;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const google::protobuf::MethodDescriptor& Method(const std::string& name) {
  static_cast<void>(pb::SearchImagesRequest::descriptor());
  static_cast<void>(pb::Image::descriptor());
  const auto* method =
      google::protobuf::DescriptorPool::generated_pool()->FindMethodByName("stockroom.v1." + name);
  EXPECT_NE(method, nullptr) << name;
  return *method;
}

Binding Rule(const std::string& method, size_t index = 0) {
  return BindingsOf(Method(method))->at(index);
}

template <typename T>
T As(const absl::StatusOr<MessagePtr>& message) {
  EXPECT_TRUE(message.ok()) << message.status();
  return message.ok() ? dynamic_cast<const T&>(**message) : T();
}

std::string FirstViolation(const absl::Status& status) {
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  const ErrorDetails details = DetailsOf(status);
  return details.violations.empty() ? "" : details.violations[0].field;
}

TEST(Transcoder, ReadsEveryRuleOfThePublicApi) {
  const auto upload = BindingsOf(Method("ImageService.UploadImage"));
  ASSERT_TRUE(upload.ok());
  ASSERT_EQ(upload->size(), 3u);
  EXPECT_EQ((*upload)[1].http_method, "POST");
  EXPECT_EQ((*upload)[1].path, "/images");
  EXPECT_EQ((*upload)[1].response_body, "image");
  for (const char* name :
       {"ImageService.GetImage", "ImageService.ListImages", "ImageService.UpdateImage",
        "ImageService.DeleteImage", "ImageService.PutAnalysis", "SearchService.SearchImages"}) {
    EXPECT_TRUE(BindingsOf(Method(name)).ok()) << name;
  }
}

TEST(Transcoder, FillsARequestFromTheQuery) {
  const auto request = As<pb::SearchImagesRequest>(
      BuildRequest(Rule("SearchService.SearchImages"),
                   {{}, "q=red+bike&pageSize=7&at_least_position=9007199254740993", ""}));
  EXPECT_EQ(request.q(), "red bike");
  EXPECT_EQ(request.page_size(), 7);
  EXPECT_EQ(request.at_least_position(), 9007199254740993);
}

TEST(Transcoder, RefusesParametersItDoesNotKnowOrCanNotRead) {
  const Binding rule = Rule("SearchService.SearchImages");
  EXPECT_EQ(FirstViolation(BuildRequest(rule, {{}, "colour=red", ""}).status()), "colour");
  EXPECT_EQ(FirstViolation(BuildRequest(rule, {{}, "page_size=many", ""}).status()), "page_size");
  EXPECT_EQ(FirstViolation(BuildRequest(rule, {{}, "page_size=", ""}).status()), "page_size");
  EXPECT_EQ(FirstViolation(BuildRequest(rule, {{}, "page_size=99999999999", ""}).status()),
            "page_size");
  EXPECT_EQ(FirstViolation(BuildRequest(rule, {{}, "q=a&q=b", ""}).status()), "q");
  EXPECT_EQ(FirstViolation(BuildRequest(rule, {{}, "q.x=a", ""}).status()), "q.x");
}

TEST(Transcoder, FillsARequestFromJson) {
  const Binding rule = Rule("SearchService.SearchImages", 1);
  const auto request = As<pb::SearchImagesRequest>(
      BuildRequest(rule, {{}, "", R"({"q":"x","pageSize":3,"at_least_position":"5"})"}));
  EXPECT_EQ(request.q(), "x");
  EXPECT_EQ(request.page_size(), 3);
  EXPECT_EQ(request.at_least_position(), 5);
  EXPECT_EQ(FirstViolation(BuildRequest(rule, {{}, "q=a", "{}"}).status()), "q");
}

TEST(Transcoder, SaysWhatIsWrongWithJson) {
  const Binding rule = Rule("SearchService.SearchImages", 1);
  const auto error = [&](const char* json) {
    const absl::Status status = BuildRequest(rule, {{}, "", json}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << json;
    return status;
  };
  EXPECT_THAT(error(R"({"q":"x","colour":1})").ToString(), HasSubstr("colour"));
  EXPECT_THAT(error(R"({"pageSize":"many"})").ToString(), HasSubstr("page_size: invalid value"));
  EXPECT_THAT(error(R"({"q":1})").ToString(), HasSubstr("q"));
  EXPECT_THAT(error(R"({"q":)").ToString(), HasSubstr("not JSON"));
  EXPECT_EQ(DetailsOf(error("[1]")).reason, "BAD_JSON");
  EXPECT_EQ(DetailsOf(error("nonsense")).reason, "BAD_JSON");
  EXPECT_EQ(DetailsOf(error(std::string(100'000, '[').c_str())).reason, "BAD_JSON");
}

TEST(Transcoder, TakesNoOtherJsonTypesThanTheFieldsHave) {
  const Binding rule = Rule("ImageService.UpdateImage");
  const auto violation = [&](const char* json) {
    return FirstViolation(BuildRequest(rule, {{{"image.id", "i1"}}, "", json}).status());
  };
  EXPECT_EQ(violation(R"({"title":5})"), "title");
  EXPECT_EQ(violation(R"({"tags":"alone"})"), "tags");
  EXPECT_EQ(violation(R"({"tags":["a",{}]})"), "tags[1]");
  EXPECT_EQ(violation(R"({"attributes":["a"]})"), "attributes");
  EXPECT_EQ(violation(R"({"attributes":{"a":1}})"), "attributes[a]");
  EXPECT_EQ(violation(R"({"renditions":[{"width":true}]})"), "renditions[0].width");
}

TEST(Transcoder, APatchChangesWhatItMentions) {
  const Binding rule = Rule("ImageService.UpdateImage");
  const HttpInput input{{{"image.id", "i1"}},
                        "",
                        R"({"title":"t","tags":[],"taken_time":null,"attributes":{"a":"b"}})"};
  const auto request = As<pb::UpdateImageRequest>(BuildRequest(rule, input));
  EXPECT_EQ(request.image().id(), "i1");
  EXPECT_EQ(request.image().title(), "t");
  EXPECT_THAT(request.update_mask().paths(),
              ElementsAre("attributes", "tags", "taken_time", "title"));
  EXPECT_EQ(request.image().attributes().at("a"), "b");
}

TEST(Transcoder, AGivenMaskStays) {
  const auto request = As<pb::UpdateImageRequest>(BuildRequest(
      Rule("ImageService.UpdateImage"),
      {{{"image.id", "i1"}}, "update_mask=title,image_x", R"({"title":"t","id":"i1"})"}));
  EXPECT_THAT(request.update_mask().paths(), ElementsAre("title", "image_x"));
}

TEST(Transcoder, BodyPathAndQueryCanNotContradictEachOther) {
  const Binding rule = Rule("ImageService.UpdateImage");
  EXPECT_EQ(
      FirstViolation(BuildRequest(rule, {{{"image.id", "i1"}}, "", R"({"id":"i2"})"}).status()),
      "image.id");
  EXPECT_EQ(
      FirstViolation(BuildRequest(rule, {{{"image.id", "i1"}}, "image.title=x", "{}"}).status()),
      "image.title");
  EXPECT_EQ(
      FirstViolation(
          BuildRequest(Rule("ImageService.GetImage"), {{{"id", "i1"}}, "id=i2", ""}).status()),
      "id");
}

TEST(Transcoder, ABodyCanNotReachOutOfItsField) {
  const absl::Status status =
      BuildRequest(Rule("ImageService.UpdateImage"),
                   {{{"image.id", "i1"}}, "", R"({"title":"t"},"updateMask":"id")"})
          .status();
  EXPECT_EQ(DetailsOf(status).reason, "BAD_JSON");
}

TEST(Transcoder, TakesAnyJsonObjectForAStruct) {
  const auto request = As<pb::PutAnalysisRequest>(
      BuildRequest(Rule("ImageService.PutAnalysis"),
                   {{{"id", "i1"}, {"name", "faces"}}, "", R"({"count":2,"boxes":[{"x":1}]})"}));
  EXPECT_EQ(request.name(), "faces");
  EXPECT_EQ(request.result().fields().at("count").number_value(), 2);
}

TEST(Transcoder, PrintsAnEmptyListAsBrackets) {
  pb::ListImagesResponse response;
  EXPECT_EQ(*RenderResponse(Rule("ImageService.ListImages", 1), response), "[]");
  EXPECT_EQ(*RenderResponse(Rule("ImageService.ListImages"), response),
            R"({"images":[],"nextPageToken":""})");
  response.add_images()->set_title("a");
  response.add_images()->set_size_bytes(5);
  const std::string json = *RenderResponse(Rule("ImageService.ListImages", 1), response);
  EXPECT_THAT(json, HasSubstr(R"("title":"a")"));
  EXPECT_THAT(json, HasSubstr(R"("sizeBytes":"5")"));
  EXPECT_THAT(json, HasSubstr(R"("tags":[])"));
  EXPECT_EQ(json.front(), '[');
}

TEST(Transcoder, PicksOneFieldOfTheResponse) {
  pb::UploadImageResponse response;
  response.mutable_image()->set_id("i1");
  const std::string json = *RenderResponse(Rule("ImageService.UploadImage", 1), response);
  EXPECT_THAT(json, HasSubstr(R"({"id":"i1")"));
}

TEST(FieldSetter, SetsEveryKindOfField) {
  pb::Image image;
  FieldSetter fields(image, Lists::kRepeatedName);
  ASSERT_TRUE(fields.Set("tags", "a,b").ok());
  ASSERT_TRUE(fields.Set("tags", "c").ok());
  ASSERT_TRUE(fields.Set("visibility", "UNLISTED").ok());
  ASSERT_TRUE(fields.Set("state", "4").ok());
  ASSERT_TRUE(fields.Set("attributes[camera.make]", "x").ok());
  ASSERT_TRUE(fields.Set("attributes.lens", "y").ok());
  ASSERT_TRUE(fields.Set("takenTime", "2020-12-24T10:00:00Z").ok());
  EXPECT_THAT(image.tags(), ElementsAre("a,b", "c"));
  EXPECT_EQ(image.visibility(), pb::UNLISTED);
  EXPECT_EQ(image.state(), pb::READY);
  EXPECT_EQ(image.attributes().at("camera.make"), "x");
  EXPECT_EQ(image.attributes().at("lens"), "y");
  EXPECT_EQ(image.taken_time().seconds(), 1608804000);
}

// {"query": {"or": {"parts": [{"or": ... {"not": {}}}]}}
std::string NestedQuery(int levels) {
  std::string json = R"({"not":{}})";
  for (int i = 2; i < levels; ++i) json = R"({"or":{"parts":[)" + json + "]}}";
  return R"({"query":)" + json + "}";
}

TEST(Transcoder, AQueryOfAsManyLevelsAsAreAllowedIsRead) {
  const Binding post = Rule("SearchService.SearchImages", 1);
  const auto read = As<pb::SearchImagesRequest>(BuildRequest(post, {{}, "", NestedQuery(32)}));
  EXPECT_EQ(read.query().or_().parts_size(), 1);
}

TEST(Transcoder, MessagesInOneAnotherAreNotFollowedWithoutEnd) {
  const Binding post = Rule("SearchService.SearchImages", 1);
  const absl::Status deep = BuildRequest(post, {{}, "", NestedQuery(60)}).status();
  EXPECT_EQ(deep.code(), absl::StatusCode::kInvalidArgument);
  std::string bottomless;
  for (int i = 0; i < 100'000; ++i) bottomless += R"({"not":)";
  bottomless = R"({"query":)" + bottomless + "{}" + std::string(100'000, '}') + "}";
  const absl::Status refused = BuildRequest(post, {{}, "", bottomless}).status();
  EXPECT_THAT(std::string(refused.message()), HasSubstr("nested too deeply"));
}

TEST(FieldSetter, RefusesWhatDoesNotFit) {
  pb::Image image;
  FieldSetter fields(image, Lists::kRepeatedName);
  for (const auto& [path, value] :
       std::initializer_list<std::pair<const char*, const char*>>{{"visibility", "SECRET"},
                                                                  {"visibility", "99"},
                                                                  {"width", "1.5"},
                                                                  {"width", " 1"},
                                                                  {"attributes", "x"},
                                                                  {"attributes[]", "x"},
                                                                  {"attributes.", "x"},
                                                                  {"analysis", "x"},
                                                                  {"renditions", "x"},
                                                                  {"renditions.url", "x"},
                                                                  {"takenTime", "yesterday"},
                                                                  {"title.x", "x"},
                                                                  {"", "x"},
                                                                  {"tags[0]", "x"},
                                                                  {"title", "\xff"}}) {
    EXPECT_EQ(fields.Set(path, value).code(), absl::StatusCode::kInvalidArgument) << path;
  }
  ASSERT_TRUE(fields.Set("attributes[a]", "1").ok());
  EXPECT_FALSE(fields.Set("attributes.a", "2").ok()) << "twice";
}

TEST(FieldSetter, SplitsListsAtCommasOnlyIfTold) {
  pb::UploadHeader header;
  FieldSetter fields(header, Lists::kCommasToo);
  ASSERT_TRUE(fields.Set("tags", "a, b,,c ").ok());
  ASSERT_TRUE(fields.Set("tags", "d").ok());
  EXPECT_THAT(header.tags(), ElementsAre("a", "b", "c", "d"));
}

}  // namespace
}  // namespace stockroom::api
