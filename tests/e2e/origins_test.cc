// What the users of the five systems that Stockroom replaces did, with their own requests.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdio.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <regex>
#include <sstream>

#include "absl/strings/escaping.h"
#include "services/common/base/digest.h"
#include "services/common/base/strings.h"
#include "tests/support/await.h"
#include "tests/support/cluster.h"
#include "tests/unit/webhooks/receiver.h"

namespace stockroom::testing {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAreArray;

// What the command line prints, whatever it is.
std::string Shell(const std::string& command) {
  FILE* pipe = ::popen(command.c_str(), "r");
  std::string out;
  char buffer[65536];
  for (size_t n; (n = ::fread(buffer, 1, sizeof buffer, pipe)) > 0;) out.append(buffer, n);
  EXPECT_EQ(::pclose(pipe), 0) << command;
  return out;
}

std::string ReadFile(const std::string& path) {
  std::stringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

std::string Md5(const std::string& bytes) {
  StreamHasher hasher(StreamHasher::Md5::kYes);
  hasher.Update(bytes);
  return ToHex(hasher.FinishMd5());
}

class OriginsTest : public ::testing::Test {
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
  // Writes bytes to a file in the cluster's folder; returns its path.
  static std::string File(const std::string& name, const std::string& bytes) {
    std::ofstream(cluster_->directory() + "/" + name, std::ios::binary) << bytes;
    return cluster_->directory() + "/" + name;
  }
  // host:port, as the older lines write it.
  static std::string Host() { return cluster_->gateway().substr(std::string("http://").size()); }
  static std::string Url(const std::string& path) { return "'" + cluster_->gateway() + path + "'"; }
  static CurlAnswer PostJson(const std::string& path, const std::string& body) {
    return Curl("-H 'Content-Type: application/json' -d @" + File("body.json", body) + " " +
                Url(path));
  }
  static std::vector<std::string> Found(const std::string& query) {
    const CurlAnswer answer =
        Curl("-G --data-urlencode 'q=" + query + "' " + Url("/images:search"));
    EXPECT_EQ(answer.status, 200) << query << ": " << answer.body;
    std::vector<std::string> titles;
    const json result = json::parse(answer.body, nullptr, false);
    for (const json& image : result.value("images", json::array())) {
      titles.push_back(image.value("title", ""));
    }
    return titles;
  }
  static std::vector<std::string> ProcessorNames() {
    const std::string list = ReadFile(std::string(STOCKROOM_PROCESSORS) + "/list.cc");
    const std::regex line(R"re(\n +\{"([a-z0-9_-]+)", \w+\},)re");
    std::vector<std::string> names;
    for (std::sregex_iterator it(list.begin(), list.end(), line), end; it != end; ++it) {
      names.push_back((*it)[1]);
    }
    return names;
  }

  static Cluster* cluster_;
};
Cluster* OriginsTest::cluster_ = nullptr;

// ---- Images Processing App ----------------------------------------------------------------------

// Both lines as they stood in its manual. Runs first (gtest keeps the order of writing): the store
// is still empty.
TEST_F(OriginsTest, ItsTwoCurlLinesWorkAsTheyStand) {
  EXPECT_EQ(Shell("curl -s http://" + Host() + "/images"), "[]");
  const std::string file = File("first.png", MakePng(640, 480, 1));
  const std::string answer = Shell("curl -s -F image=@" + file + " http://" + Host() + "/images");
  const json image = json::parse(answer, nullptr, false);
  ASSERT_TRUE(image.is_object()) << answer;
  std::vector<std::string> results;
  for (const auto& [name, result] : image["analysis"].items()) {
    EXPECT_TRUE(result.is_object() && !result.contains("error")) << name << result;
    results.push_back(name);
  }
  // All registered processors have run.
  EXPECT_THAT(results, UnorderedElementsAreArray(ProcessorNames()));
  EXPECT_GE(results.size(), 4u);

  // The history of uploads, newest first.
  Shell("curl -s -F image=@" + File("second.png", MakePng(64, 48, 2)) + " http://" + Host() +
        "/images");
  const json history = json::parse(Shell("curl -s http://" + Host() + "/images"));
  ASSERT_EQ(history.size(), 2u);
  EXPECT_EQ(history[0]["filename"], "second.png");
  EXPECT_EQ(history[1]["filename"], "first.png");
  EXPECT_EQ(history[1]["id"], image["id"]);
}

TEST_F(OriginsTest, AProcessorIsOneFileAndOneLineInAList) {
  const std::vector<std::string> names = ProcessorNames();
  ASSERT_FALSE(names.empty());
  for (const std::string& name : names) {
    EXPECT_TRUE(std::filesystem::exists(std::string(STOCKROOM_PROCESSORS) + "/" + name + ".cc"))
        << name;
  }
}

TEST_F(OriginsTest, SqliteIsTheDatabaseUnlessAnotherIsConfigured) {
  EXPECT_EQ(ReadFile(cluster_->directory() + "/api/stockroom.db").substr(0, 15), "SQLite format 3");
}

// ---- Pinster ImageService -----------------------------------------------------------------------

TEST_F(OriginsTest, TheOlderJsonBodyIsStoredUnderItsMd5WithItsThumbnails) {
  const std::string bytes = MakePng(900, 600, 77);
  const CurlAnswer answer =
      PostJson("/images", R"({"data":{"image":")" + absl::Base64Escape(bytes) + "\"}}");
  ASSERT_EQ(answer.status, 201) << answer.body;
  const json image = json::parse(answer.body);
  EXPECT_EQ(image["md5"], Md5(bytes));

  const CurlAnswer found = Curl(Url("/v1/search?q=md5:" + Md5(bytes)));
  ASSERT_EQ(found.status, 200) << found.body;
  ASSERT_EQ(json::parse(found.body)["images"].size(), 1u);
  EXPECT_EQ(json::parse(found.body)["images"][0]["id"], image["id"]);
  EXPECT_EQ(json::parse(Curl(Url("/v1/search?q=md5:" + Md5("other"))).body)["images"].size(), 0u);
  EXPECT_EQ(Curl(Url("/v1/search?q=md5:xyz")).status, 400);

  ASSERT_FALSE(image["renditions"].empty()) << "thumbnails of preconfigured sizes";
  for (const json& rendition : image["renditions"]) {
    EXPECT_EQ(Curl(Url(rendition["url"])).status, 200) << rendition;
  }
}

TEST_F(OriginsTest, ABodyThatIsNoImageInBase64IsRefused) {
  for (const char* body : {R"({"data":{"image":"not base64 at all!"}})", R"({"data":{"image":""}})",
                           R"({"data":{"image":7}})", R"({"data":{}})", R"({"data":"x"})",
                           R"({"data":)", R"({"data":{"image":"bm8gaW1hZ2U="}})"}) {
    const CurlAnswer refused = PostJson("/images", body);
    EXPECT_EQ(refused.status, 400) << body << refused.body;
    EXPECT_EQ(refused.Header("content-type"), "application/problem+json") << body;
  }
  const json problem = json::parse(PostJson("/images", R"({"data":{"image":"%%"}})").body);
  EXPECT_EQ(problem["violations"][0]["field"], "image") << problem;
}

TEST(PinsterOrigins, AModerationStepComesFirstAndFlaggedImagesAreReported) {
  const auto answer = [](const std::string& body) {
    return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) +
           "\r\nConnection: close\r\n\r\n" + body;
  };
  const auto body_of = [](const std::string& request) {
    return json::parse(request.substr(request.find("\r\n\r\n") + 4));
  };
  api::Receiver moderator([&](const std::string& request) {
    const bool bad = body_of(request)["image"]["title"] == "bad";
    return answer(bad ? R"({"verdict":"FLAG","reason":"too much skin"})"
                      : R"({"verdict":"ALLOW"})");
  });
  api::Receiver reports([&](const std::string&) { return answer(""); });
  Cluster cluster(
      {.workers = 1,
       .api_flags = {"--moderation.hook_url=" + moderator.url(), "--webhooks.allow_http=true",
                     "--webhooks.allow_networks=127.0.0.1"}});
  const absl::Status started = cluster.StartAll();
  ASSERT_TRUE(started.ok()) << started;
  const json wanted = {{"url", reports.url()}, {"types", {"image.flagged"}}};
  EXPECT_EQ(Curl("--json '" + wanted.dump() + "' '" + cluster.gateway() + "/v1/webhooks'").status,
            200);
  const auto upload = [&](uint32_t seed, const std::string& title) {
    const std::string file = cluster.directory() + "/" + title + ".png";
    std::ofstream(file, std::ios::binary) << MakePng(320, 200, seed);
    return json::parse(Curl("-F image=@" + file + " '" + cluster.gateway() +
                            "/v1/images?wait=true&title=" + title + "'")
                           .body)["image"];
  };
  EXPECT_EQ(upload(1, "good")["state"], "READY");
  const json bad = upload(2, "bad");
  EXPECT_EQ(bad["state"], "FLAGGED");
  const std::string id = bad["id"];
  EXPECT_EQ(Curl("'" + cluster.gateway() + "/i/" + id + "/original'").status, 404);
  Await("it is reported", [&] { return !reports.requests().empty(); });
  const json report = body_of(reports.requests().at(0));
  EXPECT_EQ(report["type"], "image.flagged");
  EXPECT_EQ(report["data"]["id"], id);
  EXPECT_EQ(report["data"]["failureReason"], "too much skin");
  EXPECT_EQ(reports.requests().size(), 1u);
}

// ---- image-processing-service -------------------------------------------------------------------

TEST_F(OriginsTest, ItsRouteTakesAnUploadAndResizes) {
  const CurlAnswer answer = Curl("-F file=@" + File("form.png", MakePng(1200, 800, 5)) + " " +
                                 Url("/api/v1/image/upload"));
  ASSERT_EQ(answer.status, 201) << answer.body;
  const json image = json::parse(answer.body);
  EXPECT_EQ(image["state"], "READY");
  ASSERT_FALSE(image["renditions"].empty());
  for (const json& rendition : image["renditions"]) EXPECT_LT(rendition["width"], 1200);
}

TEST_F(OriginsTest, ItsApiIsDescribedForMachines) {
  const json document = json::parse(Curl(Url("/openapi.json")).body, nullptr, false);
  ASSERT_TRUE(document.is_object());
  for (const char* path : {"/v1/images", "/v1/search", "/v1/suggest", "/v1/images/{id}/similar"}) {
    EXPECT_TRUE(document["paths"].contains(path)) << path;
  }
}

// ---- Stock-Image-Service ------------------------------------------------------------------------

// A JPEG whose EXIF says when it was taken.
std::string TakenAt(const std::string& jpeg, const std::string& when) {
  const auto bytes = [](std::initializer_list<int> values) {
    std::string out;
    for (const int value : values) out += static_cast<char>(value);
    return out;
  };
  // TIFF header; IFD0 with a pointer to the EXIF IFD; that with DateTimeOriginal at 44.
  const std::string tiff = "II" + bytes({42, 0, 8, 0, 0, 0}) +
                           bytes({1, 0, 0x69, 0x87, 4, 0, 1, 0, 0, 0, 26, 0, 0, 0, 0, 0, 0, 0}) +
                           bytes({1, 0, 0x03, 0x90, 2, 0, 20, 0, 0, 0, 44, 0, 0, 0, 0, 0, 0, 0}) +
                           when + '\0';
  const std::string segment = std::string("Exif\0\0", 6) + tiff;
  const int length = static_cast<int>(segment.size()) + 2;
  return jpeg.substr(0, 2) + bytes({0xff, 0xe1, length >> 8, length & 255}) + segment +
         jpeg.substr(2);
}

TEST_F(OriginsTest, ItsQueriesFindWhatTheyFound) {
  // The cluster's own thumbnail is a JPEG that nobody has uploaded.
  const json drawn = json::parse(
      Curl("-F image=@" + File("drawn.png", MakePng(900, 600, 6)) + " " + Url("/images")).body);
  const std::string jpeg =
      Curl(Url("/i/" + drawn["id"].get<std::string>() + "/thumb-720.jpg")).body;
  const auto upload = [&](const std::string& name, const std::string& when,
                          const std::string& form) {
    const CurlAnswer answer = Curl(form + " -F image=@" + File(name + ".jpg", TakenAt(jpeg, when)) +
                                   " " + Url("/images"));
    EXPECT_EQ(answer.status, 201) << answer.body;
  };
  upload("advent", "2020:12:01 08:00:00", "-F title=Advent -F tags=tree -F description=Candles");
  upload("eve", "2020:12:24 18:30:00",
         "-F title=Christmas -F tags=tree,snow -F 'description=A tree in the snow'");
  upload("spring", "2021:04:05 12:00:00", "-F title=Spring -F tags=snow -F description=Melting");

  EXPECT_THAT(Found("tags:tree,snow date:24-12-2020"), ElementsAre("Christmas"));
  EXPECT_THAT(Found("date:*-12-2020"), ElementsAre("Christmas", "Advent"));
  EXPECT_THAT(Found("date:24-*-2020"), ElementsAre("Christmas"));
  EXPECT_THAT(Found("tags:snow from:01-01-2021 to:31-12-2021"), ElementsAre("Spring"));
  EXPECT_THAT(Found("to:02-12-2020 tags:tree"), ElementsAre("Advent"));
  EXPECT_THAT(Found("desc:\"in the snow\" date:*-12-2020"), ElementsAre("Christmas"));
  EXPECT_THAT(Found("desc:\"in the sea\""), IsEmpty());

  // The richer ways beside them: the same images counted, completed, compared.
  const json counted =
      json::parse(Curl(Url("/v1/search?q=tags:snow&facets=year&facets=tag&page_size=1")).body);
  EXPECT_EQ(counted["facets"][0]["field"], "year");
  EXPECT_EQ(counted["facets"][1]["values"][0]["value"], "snow");
  const json completed = json::parse(Curl(Url("/v1/suggest?prefix=Sno")).body);
  EXPECT_EQ(completed["suggestions"][0]["text"], "snow");
  EXPECT_EQ(completed["suggestions"][0]["kind"], "TAG");
  const json similar = json::parse(
      Curl(Url("/v1/images/" + drawn["id"].get<std::string>() + "/similar?page_size=3")).body);
  ASSERT_EQ(similar["matches"].size(), 3u);
  EXPECT_LT(similar["matches"][0]["distance"], 0.05) << "its own thumbnail with other EXIF";
  EXPECT_EQ(Curl(Url("/v1/search?facets=colour")).status, 400);
}

TEST(StockOrigins, UploadsWaitForWorkersAndAnyOfSeveralDoesThem) {
  Cluster cluster({.workers = 2});
  ASSERT_TRUE(cluster.Start("fileserver").ok());
  ASSERT_TRUE(cluster.Start("api").ok()) << "the api starts before any image process";
  const auto upload = [&](uint32_t seed, const std::string& query) {
    const std::string file = cluster.directory() + "/" + std::to_string(seed) + ".png";
    std::ofstream(file, std::ios::binary) << MakePng(320, 200, seed);
    return Curl("-F image=@" + file + " '" + cluster.gateway() + "/v1/images" + query + "'");
  };
  const auto ready = [&] {
    const json images = json::parse(Curl("'" + cluster.gateway() + "/images'").body);
    return std::count_if(images.begin(), images.end(),
                         [](const json& image) { return image["state"] == "READY"; });
  };
  for (uint32_t seed = 1; seed <= 6; ++seed) {
    const CurlAnswer accepted = upload(seed, "");
    ASSERT_EQ(accepted.status, 201) << accepted.body;
    EXPECT_EQ(json::parse(accepted.body)["image"]["state"], "PENDING");
  }
  EXPECT_EQ(ready(), 0);
  ASSERT_TRUE(cluster.Start("worker-0").ok());
  Await("what was accepted is processed", [&] { return ready() == 6; });

  // The pool connects itself to the second, and goes on when the first vanishes.
  ASSERT_TRUE(cluster.Start("worker-1").ok());
  const auto workers = [&] {
    return json::parse(Curl("'" + cluster.gateway() + "/v1/server'").body)["workers"].size();
  };
  Await("both are connected", [&] { return workers() == 2; });
  cluster.Kill("worker-0");
  EXPECT_EQ(upload(7, "?wait=true").status, 201);
  EXPECT_EQ(ready(), 7);
}

TEST(StockOrigins, OneFileHoldsTheConfigurationOfEveryEnvironment) {
  const std::string file =
      (std::filesystem::temp_directory_path() / ("origins-" + std::to_string(::getpid()) + ".yaml"))
          .string();
  std::ofstream(file) << "limits:\n  max_upload_bytes: 100MiB\nprofiles:\n"
                         "  development: {}\n"
                         "  test:\n    limits:\n      max_upload_bytes: 100\n"
                         "  production: {}\n";
  for (const char* profile : {"development", "test", "production"}) {
    Cluster cluster({.workers = 1, .api_flags = {"--config", file, "--profile", profile}});
    ASSERT_TRUE(cluster.Start("fileserver").ok());
    const absl::Status started = cluster.Start("api");
    ASSERT_TRUE(started.ok()) << started;
    const std::string picture = cluster.directory() + "/a.png";
    std::ofstream(picture, std::ios::binary) << MakePng(64, 64, 1);
    const CurlAnswer answer =
        Curl("-F image=@" + picture + " '" + cluster.gateway() + "/v1/images'");
    EXPECT_EQ(answer.status, profile == std::string("test") ? 413 : 201) << profile << answer.body;
  }
  std::filesystem::remove(file);
}

}  // namespace
}  // namespace stockroom::testing
