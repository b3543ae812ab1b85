// What is wrong gets a clear answer of its own, becomes visible nowhere, and harms no process.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "services/common/base/status.h"
#include "tests/support/cluster.h"

namespace stockroom::testing {
namespace {

using nlohmann::json;

class BadInput : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    cluster_ = new Cluster(
        {.workers = 1,
         .api_flags = {"--limits.max_upload_bytes=4MiB", "--limits.max_pixels=1000000"}});
    const absl::Status started = cluster_->StartAll();
    ASSERT_TRUE(started.ok()) << started;
  }
  static void TearDownTestSuite() {
    for (const char* name : {"api", "worker-0", "fileserver"}) {
      EXPECT_TRUE(cluster_->IsRunning(name)) << name;
    }
    delete cluster_;
    cluster_ = nullptr;
  }
  static std::string Write(const std::string& bytes) {
    const std::string path = cluster_->directory() + "/upload";
    std::ofstream(path, std::ios::binary) << bytes;
    return path;
  }
  static std::string Url(const std::string& path) { return "'" + cluster_->gateway() + path + "'"; }
  // Status and reason of a waiting multipart upload of `bytes`.
  static std::pair<int, std::string> Post(const std::string& bytes) {
    const CurlAnswer answer = Curl("-F image=@" + Write(bytes) + " " + Url("/images"));
    EXPECT_EQ(answer.Header("content-type"), "application/problem+json") << answer.body;
    const json problem = json::parse(answer.body, nullptr, false);
    return {answer.status, problem.is_object() ? problem.value("reason", "") : answer.body};
  }
  static std::pair<int, std::string> Get(const std::string& arguments) {
    const CurlAnswer answer = Curl(arguments);
    const json problem = json::parse(answer.body, nullptr, false);
    return {answer.status, problem.is_object() ? problem.value("reason", "") : answer.body};
  }
  using Answer = std::pair<int, std::string>;
  static Cluster* cluster_;
};
Cluster* BadInput::cluster_ = nullptr;

TEST_F(BadInput, WhatIsNotAnImageIsRefusedAtOnceAndLeavesNothing) {
  EXPECT_EQ(Post("just text, no image at all"), Answer(400, "NOT_AN_IMAGE"));
  EXPECT_EQ(Post("<svg xmlns='http://www.w3.org/2000/svg'/>"), Answer(400, "NOT_AN_IMAGE"));
  EXPECT_EQ(Post(""), Answer(400, "EMPTY_UPLOAD"));
  EXPECT_EQ(Curl(Url("/images")).body, "[]");
}

TEST_F(BadInput, TooManyBytesAreRefused) {
  std::string big = MakePng(64, 64, 1);
  big.resize((4 << 20) + 1, 'x');
  EXPECT_EQ(Post(big), Answer(413, "TOO_LARGE"));
  big.resize(8 << 20, 'x');  // by its declared length, before a byte of it is stored
  EXPECT_EQ(Post(big), Answer(413, "BODY_TOO_LARGE"));
}

TEST_F(BadInput, ATruncatedImageIsNeverTakenForAWholeOne) {
  const std::string png = MakePng(700, 500, 2);
  EXPECT_EQ(Post(png.substr(0, png.size() / 2)), Answer(400, "BAD_IMAGE"));
  EXPECT_EQ(Post(png.substr(0, 40)), Answer(400, "BAD_IMAGE"));
}

TEST_F(BadInput, TooManyPixelsAreRefusedFromTheHeader) {
  EXPECT_EQ(Post(MakePng(1200, 900, 3)), Answer(400, "BAD_IMAGE"));
}

TEST_F(BadInput, ADigestThatDoesNotMatchIsRefused) {
  const CurlAnswer answer =
      Curl("--data-binary @" + Write(MakePng(32, 32, 4)) + " -H 'Content-Type: image/png' " +
           Url("/v1/images?sha256=" + std::string(64, 'a')));
  EXPECT_EQ(answer.status, 422) << answer.body;
}

TEST_F(BadInput, UnknownAndMalformedIdsAreToldApart) {
  EXPECT_EQ(Get(Url("/v1/images/0198c5a1-7b3e-7cc1-8d2f-3a5b6c7d8e9f")),
            Answer(404, "IMAGE_NOT_FOUND"));
  EXPECT_EQ(Get(Url("/v1/images/nonsense")), Answer(400, "INVALID_FIELD"));
  EXPECT_EQ(Get(Url("/i/0198c5a1-7b3e-7cc1-8d2f-3a5b6c7d8e9f/thumb-150.jpg")),
            Answer(404, "IMAGE_NOT_FOUND"));
  EXPECT_EQ(Get("-X DELETE " + Url("/v1/images/0198c5a1-7b3e-7cc1-8d2f-3a5b6c7d8e9f")).first, 404);
  EXPECT_EQ(Get(Url("/no/such/route")).first, 404);
  EXPECT_EQ(Get("-X DELETE " + Url("/v1/search")).first, 405);
}

TEST_F(BadInput, MalformedCursorsAndQueriesAreRefused) {
  EXPECT_EQ(Get(Url("/v1/images?page_token=abc")).first, 400);
  EXPECT_EQ(Get(Url("/v1/images?page_size=-1")).first, 400);
  EXPECT_EQ(Get(Url("/v1/images?page_size=many")).first, 400);
  EXPECT_EQ(Get(Url("/v1/images?nonsense=1")).first, 400);
  EXPECT_EQ(Get(Url("/v1/search?page_token=abc")).first, 400);
  EXPECT_EQ(Get("-G --data-urlencode 'q=date:99-99-2020' " + Url("/v1/search")).first, 400);
  EXPECT_EQ(Get("-G --data-urlencode 'q=desc:\"open' " + Url("/v1/search")).first, 400);
}

TEST_F(BadInput, WrongJsonIsRefusedWithTheField) {
  const std::string url = Url("/v1/images/0198c5a1-7b3e-7cc1-8d2f-3a5b6c7d8e9f");
  const std::string patch = "-X PATCH -H 'Content-Type: application/json' -d ";
  EXPECT_EQ(Get(patch + "'{\"title\": 5' " + url).first, 400);
  EXPECT_EQ(Get(patch + "'{\"tags\": \"no list\"}' " + url).first, 400);
  EXPECT_EQ(Get(patch + "'{\"colour\": \"red\"}' " + url).first, 400);
  EXPECT_EQ(Get(patch + "'{\"state\": \"READY\"}' " + url).first, 400);
  EXPECT_EQ(Get("-X PATCH -H 'Content-Type: text/plain' -d x " + url).first, 415);
}

TEST_F(BadInput, GrpcCallersGetCodesAndReasons) {
  Client client(cluster_->rpc_address());
  const auto code = [&](const std::string& bytes, const v1::UploadHeader& header) {
    return client.Upload(bytes, header).status();
  };
  EXPECT_EQ(DetailsOf(code("text", {})).reason, "NOT_AN_IMAGE");
  EXPECT_EQ(DetailsOf(code("", {})).reason, "EMPTY_UPLOAD");
  v1::UploadHeader header;
  header.set_title(std::string(301, 'x'));
  EXPECT_EQ(DetailsOf(code(MakePng(8, 8, 1), header)).violations.at(0).field, "title");
  header.set_title("fine");
  header.set_sha256(std::string(64, 'a'));
  EXPECT_TRUE(absl::IsDataLoss(code(MakePng(8, 8, 1), header)));
  EXPECT_TRUE(absl::IsInvalidArgument(client.Get("x").status()));
  EXPECT_TRUE(absl::IsNotFound(client.Get("0198c5a1-7b3e-7cc1-8d2f-3a5b6c7d8e9f").status()));
}

TEST_F(BadInput, AfterAllThatAGoodImageStillWorks) {
  Client client(cluster_->rpc_address());
  v1::UploadHeader header;
  header.set_wait(true);
  const auto response = client.Upload(MakePng(200, 100, 9), header);
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->image().state(), v1::READY);
}

}  // namespace
}  // namespace stockroom::testing
