#include <gtest/gtest.h>

#include "services/api/gateway/content_disposition.h"
#include "services/api/gateway/multipart_parser.h"
#include "services/common/base/status.h"
#include "services/common/http/attachment.h"

namespace stockroom::api {
namespace {

struct Recorder final : PartSink {
  absl::Status OnPart(PartHead head) override {
    log += "<" + head.name + "|" + head.filename.value_or("-") + "|" + head.content_type + ">";
    return absl::OkStatus();
  }
  absl::Status OnData(std::string_view bytes) override {
    log += bytes;
    return absl::OkStatus();
  }
  absl::Status OnPartEnd() override {
    log += "</>";
    return absl::OkStatus();
  }
  std::string log;
};

MultipartParser Parser(std::string_view boundary = "XX", MultipartParser::Limits limits = {}) {
  return *MultipartParser::ForContentType("multipart/form-data; boundary=" + std::string(boundary),
                                          limits);
}

struct Parsed {
  absl::Status status;
  std::string log;
};
Parsed ParseAll(std::string_view body, MultipartParser::Limits limits = {}) {
  Recorder sink;
  MultipartParser parser = Parser("XX", limits);
  absl::Status status = parser.Feed(body, sink);
  if (status.ok()) status = parser.Finish();
  return {status, sink.log};
}

// Two fields, an empty part, and content that looks like a boundary in every way but one.
constexpr char kForm[] =
    "preamble\r\n--XX \r\nContent-Disposition: form-data; name=\"title\"\r\n\r\nA \r\n--X\r\n title"
    "\r\n--XX\r\ncontent-disposition: form-data; name=empty\r\n\r\n"
    "\r\n--XX\r\nContent-Disposition: form-data; name=\"image\"; filename=\"a \\\"b\\\".jpg\"\r\n"
    "Content-Type: image/jpeg\r\nX-Other: 1\r\n\r\n"
    "\xff\xd8\r\n--XXY\r\n--XX-\r\n-\r\r\n--\r\n\r\n--XX--\r\nepilogue\r\n--XX\r\n";
constexpr char kExpected[] =
    "<title|-|>A \r\n--X\r\n title</><empty|-|></>"
    "<image|a \"b\".jpg|image/jpeg>\xff\xd8\r\n--XXY\r\n--XX-\r\n-\r\r\n--\r\n</>";

TEST(Multipart, ReadsAFormWhereverItIsSplit) {
  const std::string form(kForm, sizeof kForm - 1);
  EXPECT_EQ(ParseAll(form).log, kExpected);
  for (size_t cut = 0; cut <= form.size(); ++cut) {
    Recorder sink;
    MultipartParser parser = Parser();
    ASSERT_TRUE(parser.Feed(form.substr(0, cut), sink).ok()) << cut;
    ASSERT_TRUE(parser.Feed(form.substr(cut), sink).ok()) << cut;
    ASSERT_TRUE(parser.Finish().ok()) << cut;
    ASSERT_EQ(sink.log, kExpected) << cut;
  }
}

TEST(Multipart, ReadsAFormByteByByte) {
  Recorder sink;
  MultipartParser parser = Parser();
  for (const char c : std::string_view(kForm, sizeof kForm - 1)) {
    ASSERT_TRUE(parser.Feed(std::string_view(&c, 1), sink).ok());
  }
  ASSERT_TRUE(parser.Finish().ok());
  EXPECT_EQ(sink.log, kExpected);
}

TEST(Multipart, SeesThatTheEndIsMissing) {
  const std::string form(kForm, sizeof kForm - 1);
  const size_t end = form.find("--XX--") + 4;
  for (size_t cut = 0; cut < end; ++cut) {
    EXPECT_EQ(ParseAll(form.substr(0, cut)).status.code(), absl::StatusCode::kInvalidArgument)
        << cut;
  }
}

TEST(Multipart, RefusesPartsItCanNotRead) {
  for (const std::string head :
       {"no colon", "X: no disposition", "Content-Disposition: attachment; name=a",
        "Content-Disposition: form-data", "Content-Disposition: form-data; name=\"a",
        "Content-Disposition: form-data; name=a\r\nContent-Disposition: form-data; name=b",
        "Content-Disposition: form-data; name=\"\xff\"",
        "Content-Disposition: form-data; name=a; filename*=latin1''x"}) {
    EXPECT_FALSE(ParseAll("--XX\r\n" + head + "\r\n\r\nx\r\n--XX--").status.ok()) << head;
  }
  EXPECT_FALSE(ParseAll("--XX\r\n\r\nno headers\r\n--XX--").status.ok());
}

TEST(Multipart, BoundsWhatItHolds) {
  const std::string huge = "--XX\r\nX: " + std::string(100'000, 'x');
  EXPECT_FALSE(ParseAll(huge).status.ok());
  EXPECT_FALSE(ParseAll(std::string(100'000, 'x')).status.ok()) << "no boundary anywhere";
  std::string many;
  for (int i = 0; i < 5; ++i) many += "--XX\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n";
  EXPECT_TRUE(ParseAll(many + "--XX--").status.ok());
  EXPECT_FALSE(ParseAll(many + "--XX--", {.max_head_bytes = 1000, .max_parts = 4}).status.ok());
}

TEST(Multipart, RefusesBadBoundaries) {
  for (const std::string type :
       {"multipart/form-data", "multipart/form-data; boundary=",
        "multipart/form-data; boundary=\"a\nb\"", "multipart/form-data; boundary=\"a \""}) {
    EXPECT_FALSE(MultipartParser::ForContentType(type, {}).ok()) << type;
  }
  EXPECT_FALSE(
      MultipartParser::ForContentType("multipart/form-data; boundary=" + std::string(71, 'a'), {})
          .ok());
  EXPECT_TRUE(
      MultipartParser::ForContentType("multipart/form-data; charset=x; boundary=\"a b\"", {}).ok());
}

TEST(Multipart, AnErrorOfTheSinkEndsIt) {
  struct Refusing final : PartSink {
    absl::Status OnPart(PartHead) override { return absl::AbortedError("no"); }
    absl::Status OnData(std::string_view) override { return absl::OkStatus(); }
    absl::Status OnPartEnd() override { return absl::OkStatus(); }
  } sink;
  MultipartParser parser = Parser();
  EXPECT_TRUE(absl::IsAborted(
      parser.Feed("--XX\r\nContent-Disposition: form-data; name=a\r\n\r\nx", sink)));
}

TEST(ContentDisposition, PrefersTheExtendedNameAndDropsFolders) {
  const auto both = ParseContentDisposition(
      "attachment; filename=\"x.jpg\"; filename*=UTF-8''na%C3%AFve%2Fb.jpg");
  ASSERT_TRUE(both.ok());
  EXPECT_EQ(both->filename, "b.jpg");
  EXPECT_EQ(ParseContentDisposition("form-data; name=a; filename=\"C:\\dir\\b.jpg\"")->filename,
            "b.jpg");
  EXPECT_EQ(ParseContentDisposition("form-data; name=a; filename=\"../../etc/x\"")->filename, "x");
}

TEST(ContentDisposition, WritesNamesThatCanNotBreakOut) {
  EXPECT_EQ(http::AttachmentNamed("a\"b\r\nX: y.jpg"),
            "attachment; filename=\"a_b__X: y.jpg\"; filename*=UTF-8''a%22b%0D%0AX%3A%20y.jpg");
  EXPECT_EQ(http::AttachmentNamed("\xc3\xa9.jpg"),
            "attachment; filename=\"__.jpg\"; filename*=UTF-8''%C3%A9.jpg");
}

}  // namespace
}  // namespace stockroom::api
