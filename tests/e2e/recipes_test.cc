// Pictures by recipe through real processes.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "absl/time/clock.h"
#include "services/common/base/digest.h"
#include "services/common/recipe/signing.h"
#include "tests/support/cluster.h"

namespace stockroom::testing {
namespace {

using nlohmann::json;

constexpr char kKey[] = "a key for tests, 26 bytes";

class Recipes : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    const std::string keys =
        std::filesystem::temp_directory_path() / ("recipes-keys-" + std::to_string(::getpid()));
    const std::string mark = keys + ".png";
    std::ofstream(keys) << kKey << "\n";
    std::ofstream(mark, std::ios::binary) << MakePng(40, 20, 99);
    cluster_ = new Cluster(
        {.workers = 2,
         .api_flags = {"--delivery.signing_key_file=" + keys, "--delivery.unsigned=presets",
                       "--delivery.presets=late=cover=64x64/format=png",
                       "--delivery.watermarks=logo=" + mark}});
    const absl::Status started = cluster_->StartAll();
    std::filesystem::remove(keys);
    std::filesystem::remove(mark);
    ASSERT_TRUE(started.ok()) << started;
    Client client(cluster_->rpc_address());
    v1::UploadHeader header;
    header.set_wait(true);
    const auto uploaded = client.Upload(MakePng(900, 600, 1), header);
    ASSERT_TRUE(uploaded.ok()) << uploaded.status();
    id_ = new std::string(uploaded->image().id());
  }
  static void TearDownTestSuite() {
    delete cluster_;
    delete id_;
    cluster_ = nullptr;
  }
  static std::string Url(const std::string& path) { return "'" + cluster_->gateway() + path + "'"; }
  static std::string At(const std::string& path) { return "/i/" + *id_ + "/" + path; }
  static std::string Signed(const std::string& path,
                            std::optional<absl::Time> expires = std::nullopt) {
    return Url(path + "?" + PathSigner::Create({kKey})->Sign(path, expires));
  }
  static std::string Reason(const CurlAnswer& answer) {
    return json::parse(answer.body, nullptr, false).value("reason", answer.body);
  }
  // Sides of a PNG.
  static std::pair<int, int> PngSize(const std::string& png) {
    const auto number = [&](size_t at) {
      return (static_cast<uint8_t>(png[at + 2]) << 8) + static_cast<uint8_t>(png[at + 3]);
    };
    return png.size() < 24 ? std::pair(0, 0) : std::pair(number(16), number(20));
  }
  static int64_t Metric(const std::string& series) {
    const std::string text = Curl(Url("/metrics")).body;
    const size_t at = text.find("\n" + series + " ");
    return at == text.npos ? 0 : std::stoll(text.substr(at + series.size() + 2));
  }

  static Cluster* cluster_;
  static std::string* id_;
};
Cluster* Recipes::cluster_ = nullptr;
std::string* Recipes::id_ = nullptr;

TEST_F(Recipes, ComeInEveryFormat) {
  const std::pair<const char*, const char*> kinds[] = {{"jpg", "image/jpeg"},
                                                       {"png", "image/png"},
                                                       {"webp", "image/webp"},
                                                       {"avif", "image/avif"},
                                                       {"gif", "image/gif"}};
  std::set<std::string> different;
  for (const auto& [extension, type] : kinds) {
    const CurlAnswer answer = Curl(Signed(At(std::string("cover=200x100.") + extension)));
    ASSERT_EQ(answer.status, 200) << extension << answer.body;
    EXPECT_EQ(answer.Header("content-type"), type);
    EXPECT_EQ(answer.Header("etag"), "\"" + Digest::Of(answer.body).hex() + "\"");
    different.insert(answer.body);
  }
  EXPECT_EQ(different.size(), 5u);
}

TEST_F(Recipes, GiveTheSizeThatTheySay) {
  const std::tuple<const char*, int, int> sizes[] = {{"cover=200x100.png", 200, 100},
                                                     {"fit=300x0.png", 300, 200},
                                                     {"pad=200x200.png", 200, 200},
                                                     {"fit=100x100/dpr=1.5.png", 150, 100},
                                                     {"crop=10,10,50,40.png", 50, 40},
                                                     {"rotate=90/fit=200x0.png", 200, 300},
                                                     {"fit=5000x5000.png", 900, 600},
                                                     {"fit%3D300x0/q=80.auto", 0, 0},
                                                     {"cover=60x60/gravity=smart.png", 60, 60}};
  for (const auto& [recipe, width, height] : sizes) {
    const CurlAnswer answer = Curl(Signed(At(recipe)));
    ASSERT_EQ(answer.status, 200) << recipe << answer.body;
    if (width == 0) continue;
    EXPECT_EQ(PngSize(answer.body), std::pair(width, height)) << recipe;
  }
}

TEST_F(Recipes, AreMadeOnceAndThenServedFromMemory) {
  const std::string url = Signed(At("fit=123x0/q=71.webp"));
  const int64_t made = Metric("stockroom_delivery_total{from=\"render\"}");
  const int64_t remembered = Metric("stockroom_delivery_total{from=\"memory\"}");
  const CurlAnswer first = Curl(url);
  ASSERT_EQ(first.status, 200) << first.body;
  EXPECT_EQ(Curl(Signed(At("q=71/fit=123x0.webp"))).body, first.body);
  EXPECT_EQ(Metric("stockroom_delivery_total{from=\"render\"}"), made + 1);
  EXPECT_EQ(Metric("stockroom_delivery_total{from=\"memory\"}"), remembered + 1);
}

TEST_F(Recipes, TakeConditionsAndRanges) {
  const std::string url = Signed(At("fit=200x0.jpg"));
  const CurlAnswer head = Curl("-I " + url);
  EXPECT_EQ(head.status, 200);
  const CurlAnswer whole = Curl(url);
  EXPECT_EQ(head.Header("content-length"), std::to_string(whole.body.size()));
  const std::string etag = whole.Header("etag");
  EXPECT_EQ(head.Header("etag"), etag);
  EXPECT_EQ(Curl("-H 'If-None-Match: " + etag + "' " + url).status, 304);
  const CurlAnswer part = Curl("-r 10-19 " + url);
  EXPECT_EQ(part.status, 206);
  EXPECT_EQ(part.body, whole.body.substr(10, 10));
  EXPECT_EQ(Curl("-r 10-19 -H 'If-Range: \"other\"' " + url).body, whole.body);
  EXPECT_EQ(Curl("-r 10-19 -H 'If-Range: " + etag + "' " + url).status, 206);
  EXPECT_EQ(Curl("-r 99999999- " + url).status, 416);
}

TEST_F(Recipes, NeedASignatureWhereThatIsConfigured) {
  EXPECT_EQ(Reason(Curl(Url(At("fit=200x0.jpg")))), "SIGNATURE_NEEDED");
  EXPECT_EQ(Curl(Url(At("fit=200x0.jpg"))).status, 403);
  EXPECT_EQ(Reason(Curl(Url(At("fit=200x0.jpg") + "?sig=AAAA"))), "SIGNATURE_INVALID");
  EXPECT_EQ(Curl(Signed(At("fit=200x0.jpg"), absl::Now() + absl::Minutes(5))).status, 200);
  EXPECT_EQ(Reason(Curl(Signed(At("fit=200x0.jpg"), absl::Now() - absl::Minutes(5)))),
            "SIGNATURE_EXPIRED");
  EXPECT_EQ(Curl(Url(At("thumb-320.jpg"))).status, 200);
  EXPECT_EQ(Curl(Url(At("thumb-320.webp"))).Header("content-type"), "image/webp");
  EXPECT_EQ(PngSize(Curl(Url(At("late.png"))).body), std::pair(64, 64));
  EXPECT_EQ(Reason(Curl(Url(At("late.jpg")))), "OTHER_FORMAT");
}

TEST_F(Recipes, ThatMeanNothingAreExplained) {
  const CurlAnswer answer = Curl(Signed(At("fit=banana.jpg")));
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(Reason(answer), "BAD_RECIPE");
  EXPECT_EQ(Reason(Curl(Signed(At("fit=200x0/mark=nobody.jpg")))), "BAD_RECIPE");
  EXPECT_EQ(Reason(Curl(Signed(At("force=9000x9000/enlarge=1.jpg")))), "BAD_RECIPE");
  EXPECT_EQ(Reason(Curl(Url(At("nothing")))), "NO_SUCH_FILE");
}

TEST_F(Recipes, MayLayAWatermarkOver) {
  const CurlAnswer plain = Curl(Signed(At("fit=200x0.png")));
  const CurlAnswer marked = Curl(Signed(At("fit=200x0/mark=logo,nw,50,100.png")));
  ASSERT_EQ(marked.status, 200) << marked.body;
  EXPECT_EQ(PngSize(marked.body), PngSize(plain.body));
  EXPECT_NE(marked.body, plain.body);
}

TEST_F(Recipes, AreNegotiated) {
  const CurlAnswer webp = Curl("-H 'Accept: image/webp,*/*;q=0.8' " + Url(At("thumb-150.auto")));
  EXPECT_EQ(webp.Header("content-type"), "image/webp");
  EXPECT_EQ(webp.Header("vary"), "Accept");
  const CurlAnswer plain = Curl("-H 'Accept: */*' " + Url(At("thumb-150.auto")));
  EXPECT_TRUE(plain.Header("content-type") == "image/jpeg" ||
              plain.Header("content-type") == "image/png");
  EXPECT_NE(plain.Header("etag"), webp.Header("etag"));
}

TEST_F(Recipes, OfTheCurrentRevisionAreKeptForEver) {
  const json info = json::parse(Curl(Url(At("info"))).body);
  const std::string revision = std::to_string(info["revision"].get<int64_t>());
  const CurlAnswer current = Curl(Url(At(revision + "/thumb-320.jpg")));
  EXPECT_EQ(current.status, 200);
  EXPECT_EQ(current.Header("cache-control"), "public, max-age=31536000, immutable");
  const CurlAnswer older = Curl(Url(At("1/thumb-320.jpg")));
  EXPECT_EQ(older.status, 302);
  EXPECT_EQ(older.Header("location"), At(revision + "/thumb-320.jpg"));
  EXPECT_EQ(Curl("-L " + Signed(At("1/fit=99x0.jpg"))).status, 200) << "the redirect is signed";
}

TEST_F(Recipes, AndWhatIsKnownOfTheImage) {
  const CurlAnswer answer = Curl(Url(At("info")));
  ASSERT_EQ(answer.status, 200);
  EXPECT_EQ(answer.Header("content-type"), "application/json");
  const json info = json::parse(answer.body);
  EXPECT_EQ(info["width"], 900);
  EXPECT_EQ(info["format"], "png");
  EXPECT_EQ(info["frames"], 1);
  EXPECT_EQ(info["watermarks"], json::array({"logo"}));
  EXPECT_TRUE(info["analysis"].contains("palette"));
  EXPECT_EQ(info["renditions"].size(), 3u);
  EXPECT_TRUE(info["presets"].contains("late"));
  for (const json& rendition : info["renditions"]) {
    EXPECT_EQ(Curl(Url(rendition["url"])).status, 200) << rendition;
  }
}

TEST_F(Recipes, ThatWereLostComeBackAndThoseOfDeletedImagesDoNot) {
  Client client(cluster_->rpc_address());
  v1::UploadHeader header;
  header.set_wait(true);
  const auto uploaded = client.Upload(MakePng(400, 300, 7), header);
  ASSERT_TRUE(uploaded.ok()) << uploaded.status();
  const std::string at = "/i/" + uploaded->image().id() + "/";
  std::error_code error;
  int lost = 0;
  for (const auto& file :
       std::filesystem::recursive_directory_iterator(cluster_->directory(), error)) {
    if (!file.is_regular_file() || file.path().string().find("/renditions/") == std::string::npos) {
      continue;
    }
    std::filesystem::remove(file.path());
    ++lost;
  }
  ASSERT_GT(lost, 0);
  const CurlAnswer again = Curl(Url(at + "thumb-150.jpg"));
  EXPECT_EQ(again.status, 200) << again.body;
  EXPECT_EQ(Curl("-X DELETE " + Url("/v1/images/" + uploaded->image().id())).status, 200);
  EXPECT_EQ(Curl(Url(at + "thumb-150.jpg")).status, 404);
  EXPECT_EQ(Curl(Url(at + "original")).status, 404);
}

}  // namespace
}  // namespace stockroom::testing
