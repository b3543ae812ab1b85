#include "services/api/gateway/static_site.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "services/common/base/digest.h"
#include "services/common/base/status.h"
#include "services/common/http/encoding.h"
#include "services/common/http/server.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/http/raw_client.h"

namespace stockroom::api {
namespace {

using http::RawClient;
using http::RawResponse;
using ::testing::HasSubstr;
using ::testing::Not;

class StaticSiteTest : public ::testing::Test {
 protected:
  StaticSiteTest() {
    root_ = folder_.file("web");
    Write("index.html", page_);
    Write("assets/app-1a2b.js", script_);
    Write("apidocs/index.html", "<!doctype html>docs");
    Write("favicon.svg", "<svg/>");
    std::ofstream(folder_.file("secret.txt")) << "secret";
  }
  ~StaticSiteTest() override { server_.reset(); }

  void Write(const std::string& path, const std::string& bytes) {
    std::filesystem::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path, std::ios::binary) << bytes;
  }
  absl::Status Mount(const StaticSiteLimits& limits = {}) {
    http::Router router;
    return MountStaticSite(router, root_.string(), limits);
  }
  std::string ReasonOf(const absl::Status& status) { return DetailsOf(status).reason; }

  RawResponse Ask(const std::string& line, const std::string& headers = "") {
    if (server_ == nullptr) {
      http::Router router;
      const absl::Status mounted = MountStaticSite(router, root_.string(), {}, origins_);
      EXPECT_TRUE(mounted.ok()) << mounted;
      http::ServerOptions options;
      options.listen = "127.0.0.1:0";
      server_ = *http::Server::Start(options, std::move(router), metrics_);
    }
    RawClient client(server_->port());
    return client.Ask(line + " HTTP/1.1\r\nHost: a\r\n" + headers + "\r\n",
                      line.starts_with("HEAD"));
  }

  const testing::TempFolder folder_;
  std::filesystem::path root_;
  const std::string page_ = "<!doctype html><title>Stockroom</title>";
  // Longer than one piece, and such that gzip is worth it.
  const std::string script_ = std::string(200'000, 'a') + "the end";
  Metrics metrics_;
  std::vector<std::string> origins_;
  std::unique_ptr<http::Server> server_;
};

TEST_F(StaticSiteTest, ServesThePageAtTheTopAndForEveryImage) {
  for (const char* path : {"/", "/index.html", "/image/0190-any", "/image/%3Cscript%3E"}) {
    const RawResponse page = Ask(std::string("GET ") + path);
    EXPECT_EQ(page.status, 200) << path;
    EXPECT_EQ(page.body, page_) << path;
    EXPECT_EQ(page.Header("Content-Type"), "text/html; charset=utf-8");
    EXPECT_EQ(page.Header("Cache-Control"), "no-cache");
  }
  for (const char* path : {"/apidocs", "/apidocs/", "/apidocs/index.html"}) {
    EXPECT_EQ(Ask(std::string("GET ") + path).body, "<!doctype html>docs") << path;
  }
  EXPECT_EQ(Ask("GET /image/").status, 404);
  EXPECT_EQ(Ask("GET /image/a/b").status, 404);
  EXPECT_EQ(Ask("POST /").status, 405);
}

TEST_F(StaticSiteTest, ThePageMayRunNothingButItsOwnFiles) {
  const RawResponse page = Ask("GET /");
  const std::string policy = page.Header("Content-Security-Policy");
  EXPECT_THAT(policy, HasSubstr("default-src 'none'; script-src 'self'; style-src 'self';"));
  EXPECT_THAT(policy, HasSubstr("frame-ancestors 'none'"));
  EXPECT_THAT(policy, HasSubstr("require-trusted-types-for 'script'"));
  EXPECT_THAT(policy, Not(HasSubstr("unsafe")));
  EXPECT_EQ(page.Header("X-Content-Type-Options"), "nosniff");
  EXPECT_EQ(page.Header("Referrer-Policy"), "no-referrer");
  EXPECT_EQ(page.Header("Cross-Origin-Opener-Policy"), "same-origin");
  EXPECT_THAT(Ask("GET /apidocs/").Header("Content-Security-Policy"),
              HasSubstr("script-src 'self';"));
}

TEST_F(StaticSiteTest, HashedNamesAreKeptForEver) {
  const RawResponse script = Ask("GET /assets/app-1a2b.js");
  EXPECT_EQ(script.Header("Cache-Control"), "public, max-age=31536000, immutable");
  EXPECT_EQ(script.Header("Content-Type"), "text/javascript; charset=utf-8");
  EXPECT_EQ(script.body, script_) << "in several pieces";
  EXPECT_EQ(Ask("GET /favicon.svg").Header("Cache-Control"), "no-cache");
}

TEST_F(StaticSiteTest, AKnownTagIsNotSentAgain) {
  const std::string tag = Ask("GET /").Header("ETag");
  EXPECT_EQ(tag, "\"" + Digest::Of(page_).hex() + "\"");
  const RawResponse again = Ask("GET /", "If-None-Match: " + tag + "\r\n");
  EXPECT_EQ(again.status, 304);
  EXPECT_EQ(again.body, "");
  EXPECT_EQ(again.Header("ETag"), tag);
  EXPECT_EQ(again.Header("Vary"), "Accept-Encoding");
  EXPECT_EQ(Ask("GET /", "If-None-Match: \"other\"\r\n").status, 200);
  EXPECT_EQ(Ask("GET /", "If-Match: \"other\"\r\n").status, 412);
}

TEST_F(StaticSiteTest, HeadIsAGetWithoutItsBody) {
  const RawResponse head = Ask("HEAD /assets/app-1a2b.js");
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.body, "");
  EXPECT_EQ(head.Header("Content-Length"), std::to_string(script_.size()));
  EXPECT_EQ(head.Header("ETag"), Ask("GET /assets/app-1a2b.js").Header("ETag"));
}

TEST_F(StaticSiteTest, TextIsCompressedForThoseWhoAcceptItUnderATagOfItsOwn) {
  const RawResponse plain = Ask("GET /assets/app-1a2b.js");
  const RawResponse packed = Ask("GET /assets/app-1a2b.js", "Accept-Encoding: br, gzip\r\n");
  EXPECT_EQ(plain.Header("Content-Encoding"), "");
  EXPECT_EQ(packed.Header("Content-Encoding"), "gzip");
  EXPECT_EQ(packed.body, http::Gzip(script_));
  EXPECT_NE(packed.Header("ETag"), plain.Header("ETag"));
  EXPECT_EQ(Ask("GET /assets/app-1a2b.js", "Accept-Encoding: gzip;q=0\r\n").body, script_);
  EXPECT_EQ(Ask("GET /favicon.svg", "Accept-Encoding: gzip\r\n").Header("Content-Encoding"), "")
      << "what gzip makes larger is sent as it is";
}

TEST_F(StaticSiteTest, ARangeIsOfTheBytesThatWouldBeSent) {
  const RawResponse part = Ask("GET /assets/app-1a2b.js", "Range: bytes=-7\r\n");
  EXPECT_EQ(part.status, 206);
  EXPECT_EQ(part.body, "the end");
  EXPECT_EQ(Ask("GET /", "Range: bytes=9999-\r\n").status, 416);
}

TEST_F(StaticSiteTest, NothingOutsideTheFolderIsReachable) {
  for (const char* path :
       {"/../secret.txt", "/assets/../../secret.txt", "/%2e%2e/secret.txt", "/..%2fsecret.txt",
        "/assets/..%2f..%2fsecret.txt", "//secret.txt", "/./index.html", "/assets", "/assets/"}) {
    const RawResponse response = Ask(std::string("GET ") + path);
    EXPECT_TRUE(response.status == 404 || response.status == 400) << path << response.status;
    EXPECT_THAT(response.body, Not(HasSubstr("secret\n"))) << path;
  }
}

TEST_F(StaticSiteTest, ALinkOutOfTheFolderIsRefusedAtTheStart) {
  std::filesystem::create_symlink(folder_.file("secret.txt"), root_ / "link.txt");
  const absl::Status status = Mount();
  EXPECT_EQ(ReasonOf(status), "WEB_ROOT_NAME");
  EXPECT_THAT(std::string(status.message()), HasSubstr("link.txt"));
}

TEST_F(StaticSiteTest, ANameThatIsNoNameOfAPageIsRefused) {
  Write("{id}.html", "x");
  EXPECT_EQ(ReasonOf(Mount()), "WEB_ROOT_NAME");
}

TEST_F(StaticSiteTest, AMissingFolderIsAClearError) {
  std::filesystem::remove_all(root_);
  const absl::Status missing = Mount();
  EXPECT_EQ(ReasonOf(missing), "WEB_ROOT_MISSING");
  EXPECT_THAT(std::string(missing.message()), HasSubstr(root_.string()));
  std::filesystem::create_directories(root_);
  EXPECT_EQ(ReasonOf(Mount()), "WEB_ROOT_MISSING") << "an empty folder";
}

TEST_F(StaticSiteTest, SizeAndNumberOfFilesAreBounded) {
  const int64_t all = static_cast<int64_t>(page_.size() + script_.size() + 19 + 6);
  EXPECT_TRUE(Mount({.max_bytes = all}).ok());
  EXPECT_EQ(ReasonOf(Mount({.max_bytes = all - 1})), "WEB_ROOT_TOO_LARGE");
  EXPECT_TRUE(Mount({.max_files = 4}).ok());
  EXPECT_EQ(ReasonOf(Mount({.max_files = 3})), "WEB_ROOT_TOO_LARGE");
}

TEST_F(StaticSiteTest, ThePageMaySendToTheNamedOriginsAndToNoOthers) {
  EXPECT_THAT(Ask("GET /").Header("Content-Security-Policy"), HasSubstr("connect-src 'self';"));
  EXPECT_EQ(Ask("GET /page.json").body, R"({"uploadOrigins":[]})");
  server_.reset();
  origins_ = {"https://files.example", "http://[::1]:8090"};
  EXPECT_THAT(Ask("GET /image/1").Header("Content-Security-Policy"),
              HasSubstr("connect-src 'self' https://files.example http://[::1]:8090;"));
  EXPECT_THAT(Ask("GET /apidocs").Header("Content-Security-Policy"),
              HasSubstr("connect-src 'self';"));
  const RawResponse told = Ask("GET /page.json");
  EXPECT_EQ(told.body, R"({"uploadOrigins":["https://files.example","http://[::1]:8090"]})");
  EXPECT_EQ(told.Header("Content-Type"), "application/json");
  EXPECT_EQ(told.Header("Cache-Control"), "no-cache");
}

TEST_F(StaticSiteTest, RefusesWhatNamesMoreThanOneOrigin) {
  for (const char* origin : {"*",
                             "https:",
                             "https://",
                             "https://*.example",
                             "https://a.example/",
                             "https://a.example;",
                             "https://a.example https://b.example",
                             "HTTPS://a.example",
                             "https://A.example",
                             "https://a.example:443",
                             "http://a.example:80",
                             "http://a:0",
                             "http://a:08",
                             "http://a:",
                             "http://a:99999",
                             "ftp://a",
                             "a.example",
                             "https://u@a.example",
                             "http://[::1",
                             "'self'",
                             ""}) {
    http::Router router;
    EXPECT_EQ(ReasonOf(MountStaticSite(router, root_.string(), {}, {origin})), "BAD_ORIGIN")
        << origin;
  }
  for (const char* origin : {"https://files.example", "http://127.0.0.1:8090", "http://[::1]:80901",
                             "https://a-b.example:8443", "http://localhost"}) {
    http::Router router;
    const absl::Status mounted = MountStaticSite(router, root_.string(), {}, {origin});
    EXPECT_EQ(mounted.ok(), std::string(origin) != "http://[::1]:80901") << mounted;
  }
}

}  // namespace
}  // namespace stockroom::api
