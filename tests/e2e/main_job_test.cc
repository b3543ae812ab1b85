// The main job through real processes: in by curl and by gRPC, found, shown.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "absl/strings/escaping.h"
#include "absl/time/clock.h"
#include "services/common/base/digest.h"
#include "tests/support/cluster.h"

namespace stockroom::testing {
namespace {

using nlohmann::json;

class MainJob : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    cluster_ = new Cluster({.workers = 2});
    const absl::Status started = cluster_->StartAll();
    ASSERT_TRUE(started.ok()) << started;
  }
  static void TearDownTestSuite() {
    delete cluster_;
    cluster_ = nullptr;
  }
  // Writes a picture nobody has yet; returns its path.
  static std::string File(uint32_t seed, const std::string& name) {
    const std::string path = cluster_->directory() + "/" + name;
    std::ofstream(path, std::ios::binary) << MakePng(900, 600, seed);
    return path;
  }
  static std::string Url(const std::string& path) { return "'" + cluster_->gateway() + path + "'"; }
  static std::string UploadReady(uint32_t seed, const v1::UploadHeader& described) {
    Client client(cluster_->rpc_address());
    v1::UploadHeader header = described;
    header.set_wait(true);
    const auto response = client.Upload(MakePng(900, 600, seed), header);
    EXPECT_TRUE(response.ok()) << response.status();
    if (!response.ok()) return "";
    EXPECT_EQ(response->image().state(), v1::READY);
    return response->image().id();
  }

  static Cluster* cluster_;
};
Cluster* MainJob::cluster_ = nullptr;

TEST_F(MainJob, AaAnEmptyStoreListsNothing) {  // runs first: gtest keeps the order of writing
  const CurlAnswer answer = Curl(Url("/images"));
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "[]");
}

TEST_F(MainJob, TheOlderMultipartRouteAnswersWithEveryProcessorsResult) {
  const CurlAnswer answer = Curl("-F image=@" + File(1, "older.png") + " " + Url("/images"));
  ASSERT_EQ(answer.status, 201) << answer.body;
  const json image = json::parse(answer.body);
  EXPECT_EQ(image["state"], "READY");
  for (const char* processor :
       {"facts", "thumbhash", "blurhash", "palette", "pdq", "sharpness", "smart_crop"}) {
    EXPECT_TRUE(image["analysis"].contains(processor)) << answer.body;
  }
  EXPECT_EQ(image["width"], 900);
  EXPECT_EQ(image["height"], 600);
  EXPECT_EQ(image["renditions"].size(), 3u);
}

TEST_F(MainJob, TheOtherOlderRouteTakesAnUpload) {
  const CurlAnswer form =
      Curl("-F file=@" + File(2, "form.png") + " " + Url("/api/v1/image/upload"));
  EXPECT_EQ(form.status, 201) << form.body;
  EXPECT_EQ(json::parse(form.body)["state"], "READY");
}

TEST_F(MainJob, TheOlderJsonBodyTakesAnUpload) {
  const std::string body = cluster_->directory() + "/body.json";
  std::ofstream(body) << R"({"data":{"image":")" << absl::Base64Escape(MakePng(90, 60, 77))
                      << "\"}}";
  const CurlAnswer answer =
      Curl("-H 'Content-Type: application/json' -d @" + body + " " + Url("/images"));
  ASSERT_EQ(answer.status, 201) << answer.body;
  EXPECT_EQ(json::parse(answer.body)["state"], "READY");
  EXPECT_EQ(json::parse(answer.body)["md5"].get<std::string>().size(), 32u);
}

TEST_F(MainJob, LongAnswersArePackedForThoseWhoTakeIt) {
  UploadReady(4242, {});
  const CurlAnswer plain = Curl(Url("/v1/images"));
  const CurlAnswer packed = Curl("--compressed " + Url("/v1/images"));
  EXPECT_EQ(plain.Header("content-encoding"), "");
  EXPECT_EQ(packed.Header("content-encoding"), "gzip");
  EXPECT_EQ(packed.body, plain.body);
}

TEST_F(MainJob, ARawBodyIsStoredWithWhatTheQuerySays) {
  const CurlAnswer answer =
      Curl("-H 'Content-Type: image/png' --data-binary @" + File(3, "raw.png") + " " +
           Url("/v1/images?title=Raw%20body&tags=alpha&tags=beta&wait=true"));
  ASSERT_EQ(answer.status, 201) << answer.body;
  const json image = json::parse(answer.body)["image"];
  EXPECT_EQ(image["title"], "Raw body");
  EXPECT_EQ(image["tags"], json({"alpha", "beta"}));
  EXPECT_EQ(image["state"], "READY");
}

TEST_F(MainJob, TheSameBytesAreOneImageAndTheAnswerSaysSo) {
  const std::string file = File(4, "twice.png");
  const json first = json::parse(Curl("-F image=@" + file + " " + Url("/v1/images")).body);
  const CurlAnswer again = Curl("-F image=@" + file + " " + Url("/v1/images"));
  EXPECT_EQ(again.status, 200);
  EXPECT_FALSE(first["deduplicated"]);
  EXPECT_TRUE(json::parse(again.body)["deduplicated"]);
  EXPECT_EQ(json::parse(again.body)["image"]["id"], first["image"]["id"]);
}

TEST_F(MainJob, ThumbnailsAndOriginalsAreServedForBrowsers) {
  const std::string id = UploadReady(5, {});
  for (const char* preset : {"thumb-150", "thumb-320", "thumb-720"}) {
    const std::string url = Url("/i/" + id + "/" + preset + ".jpg");
    const CurlAnswer whole = Curl(url);
    ASSERT_EQ(whole.status, 200) << whole.body;
    EXPECT_EQ(whole.Header("content-type"), "image/jpeg");
    EXPECT_EQ(whole.body.substr(0, 3), "\xFF\xD8\xFF");
    const std::string etag = whole.Header("etag");
    EXPECT_EQ(etag, "\"" + Digest::Of(whole.body).hex() + "\"");
    const CurlAnswer unchanged = Curl("-H 'If-None-Match: " + etag + "' " + url);
    EXPECT_EQ(unchanged.status, 304);
    EXPECT_EQ(unchanged.body, "");
    const CurlAnswer part = Curl("-r 10-19 " + url);
    EXPECT_EQ(part.status, 206);
    EXPECT_EQ(part.body, whole.body.substr(10, 10));
    EXPECT_EQ(Curl("-r 99999999- " + url).status, 416);
    const CurlAnswer head = Curl("-I " + url);
    EXPECT_EQ(head.status, 200);
    EXPECT_EQ(head.Header("content-length"), std::to_string(whole.body.size()));
  }
  const CurlAnswer original = Curl(Url("/i/" + id + "/original"));
  EXPECT_EQ(original.body, MakePng(900, 600, 5));
  EXPECT_NE(original.Header("content-disposition").find("attachment"), std::string::npos);
  EXPECT_EQ(original.Header("x-content-type-options"), "nosniff");
}

TEST_F(MainJob, WhatWasUploadedIsFoundByWordsTagsAndDates) {
  v1::UploadHeader header;
  header.set_title("Harbour at dusk");
  header.set_description("Fishing boats in the snow");
  header.add_tags("sea");
  header.add_tags("boats");
  const std::string id = UploadReady(6, header);
  const std::string today = absl::FormatTime("%d-%m-%Y", absl::Now(), absl::UTCTimeZone());
  const std::string month = absl::FormatTime("*-%m-%Y", absl::Now(), absl::UTCTimeZone());
  for (const std::string& query :
       {std::string("harb"), std::string("HARBOUR dusk"), std::string("tags:sea,boats"),
        "tags:sea date:" + today, "boats date:" + month,
        "from:" + today + " to:" + today + " harbour", std::string("desc:\"in the snow\"")}) {
    const CurlAnswer answer = Curl("-G --data-urlencode 'q=" + query + "' " + Url("/v1/search"));
    ASSERT_EQ(answer.status, 200) << answer.body;
    const json result = json::parse(answer.body);
    ASSERT_EQ(result["images"].size(), 1u) << query << answer.body;
    EXPECT_EQ(result["images"][0]["id"], id);
    EXPECT_NE(result["images"][0]["renditions"][0]["url"], "");
    EXPECT_NE(result["images"][0]["thumbHash"], "") << "a page of results wants placeholders";
    EXPECT_FALSE(result["images"][0].contains("analysis")) << "BASIC unless asked for more";
  }
  for (const char* query : {"tags:sea,mountain", "harbour nowhere", "date:01-01-1999"}) {
    const CurlAnswer answer =
        Curl(std::string("-G --data-urlencode 'q=") + query + "' " + Url("/v1/search"));
    EXPECT_EQ(json::parse(answer.body)["images"].size(), 0u) << query;
  }
}

TEST_F(MainJob, AnImageCanBeChangedExtendedAndRemoved) {
  const std::string id = UploadReady(7, {});
  const CurlAnswer changed =
      Curl("-X PATCH -H 'Content-Type: application/json' -d '{\"title\":\"Renamed zebra\"}' " +
           Url("/v1/images/" + id));
  ASSERT_EQ(changed.status, 200) << changed.body;
  EXPECT_EQ(json::parse(changed.body)["title"], "Renamed zebra");
  const CurlAnswer late = Curl("-X PUT -H 'Content-Type: application/json' -d '{\"cats\":2}' " +
                               Url("/v1/images/" + id + "/analysis/cat-counter"));
  ASSERT_EQ(late.status, 200) << late.body;
  EXPECT_EQ(json::parse(late.body)["analysis"]["cat-counter"]["cats"], 2);
  EXPECT_TRUE(json::parse(late.body)["analysis"].contains("facts"));
  EXPECT_EQ(Curl("-X DELETE " + Url("/v1/images/" + id)).status, 200);
  EXPECT_EQ(Curl(Url("/v1/images/" + id)).status, 404);
  EXPECT_EQ(Curl(Url("/i/" + id + "/thumb-150.jpg")).status, 404);
}

TEST_F(MainJob, ARequestIdTravelsToEveryProcess) {
  const CurlAnswer answer = Curl("-H 'X-Request-Id: follow-me-42' -F image=@" +
                                 File(8, "follow.png") + " " + Url("/images"));
  ASSERT_EQ(answer.status, 201);
  EXPECT_EQ(answer.Header("x-request-id"), "follow-me-42");
  for (const char* process : {"api", "fileserver"}) {
    EXPECT_NE(cluster_->LogOf(process).find("follow-me-42"), std::string::npos) << process;
  }
  const std::string workers = cluster_->LogOf("worker-0") + cluster_->LogOf("worker-1");
  EXPECT_NE(workers.find("follow-me-42"), std::string::npos);
}

TEST_F(MainJob, EveryProcessTellsItsHealthAndMetrics) {
  const CurlAnswer metrics = Curl(Url("/metrics"));
  EXPECT_EQ(metrics.status, 200);
  EXPECT_NE(metrics.body.find("# TYPE stockroom_uploads_stored_total counter"), std::string::npos);
  EXPECT_EQ(Curl(Url("/healthz")).status, 200);
  EXPECT_EQ(Curl(Url("/readyz")).status, 200);
}

TEST(LateWorker, AnUploadWhileNoWorkerIsUpIsProcessedWhenOneAppears) {
  Cluster cluster({.workers = 1});
  ASSERT_TRUE(cluster.Start("fileserver").ok());
  ASSERT_TRUE(cluster.Start("api").ok());
  Client client(cluster.rpc_address());
  const auto accepted = client.Upload(MakePng(300, 200, 1), {});
  ASSERT_TRUE(accepted.ok()) << accepted.status();
  EXPECT_EQ(accepted->image().state(), v1::PENDING);
  ASSERT_TRUE(cluster.Start("worker-0").ok());
  const absl::Time end = absl::Now() + absl::Seconds(30);
  for (;;) {
    const auto image = client.Get(accepted->image().id());
    ASSERT_TRUE(image.ok());
    if (image->state() == v1::READY) break;
    ASSERT_LT(absl::Now(), end);
    absl::SleepFor(absl::Milliseconds(20));
  }
}

TEST(LostRendition, IsMadeAgainWhenSomebodyAsks) {
  Cluster cluster({.workers = 1, .api_flags = {"--delivery.cache_bytes=0"}});
  ASSERT_TRUE(cluster.StartAll().ok());
  Client client(cluster.rpc_address());
  v1::UploadHeader header;
  header.set_wait(true);
  const auto stored = client.Upload(MakePng(300, 200, 2), header);
  ASSERT_TRUE(stored.ok());
  const std::string url = cluster.gateway() + "/i/" + stored->image().id() + "/thumb-150.jpg";
  const std::string before = Curl(url).body;
  std::filesystem::remove_all(cluster.directory() + "/fileserver/renditions/" +
                              stored->image().sha256().substr(0, 2) + "/" +
                              stored->image().sha256());
  const CurlAnswer after = Curl(url);
  EXPECT_EQ(after.status, 200) << after.body;
  EXPECT_EQ(after.body, before);
}

}  // namespace
}  // namespace stockroom::testing
