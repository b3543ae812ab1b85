// The browser UI in Chromium against real clusters: the scripts beside this file.
// STOCKROOM_SCREENSHOTS names a folder to keep their screenshots in.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/cluster.h"
#include "tests/support/ports.h"

namespace stockroom::testing {
namespace {

// 0 if everything in the script holds for the page of `cluster`.
int Node(const Cluster& cluster, const std::string& script) {
  ::setenv("STOCKROOM_GATEWAY", cluster.gateway().c_str(), 1);
  ::setenv("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1", 1);
  const std::string screenshots = cluster.directory() + "/screenshots";
  ::setenv("STOCKROOM_SCREENSHOTS", screenshots.c_str(), /*overwrite=*/0);
  return std::system(("cd " STOCKROOM_WEB_TESTS " && timeout 180 node --test " + script).c_str());
}

Cluster::Options WithPage(std::vector<std::string> flags) {
  flags.push_back("--gateway.web_root=" STOCKROOM_WEB_ROOT);
  return {.workers = 1, .api_flags = std::move(flags)};
}

class Web : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    cluster_ = new Cluster(WithPage({}));
    const absl::Status started = cluster_->StartAll();
    ASSERT_TRUE(started.ok()) << started;
  }
  static void TearDownTestSuite() {
    delete cluster_;
    cluster_ = nullptr;
  }

  static Cluster* cluster_;
};
Cluster* Web::cluster_ = nullptr;

TEST_F(Web, ThePageDoesWhatPeopleDoWithIt) { EXPECT_EQ(Node(*cluster_, "page.test.mjs"), 0); }

TEST_F(Web, ThePageCopesWithWhateverIsAnswered) {
  EXPECT_EQ(Node(*cluster_, "answers.test.mjs"), 0);
}

TEST(WebWithKeys, ThePageWorksWhereStrangersMayDoNothing) {
  const std::string file = ::testing::TempDir() + "web-test-key-" + std::to_string(::getpid());
  Cluster cluster(WithPage({"--auth.anonymous=nothing", "--auth.admin_key_file=" + file}));
  const absl::Status started = cluster.StartAll();
  ASSERT_TRUE(started.ok()) << started;
  std::string key;
  std::ifstream(file) >> key;
  ::unlink(file.c_str());
  ::setenv("STOCKROOM_KEY", key.c_str(), 1);
  EXPECT_EQ(Node(cluster, "keys.test.mjs"), 0);
}

TEST(WebWithFileServer, ThePageSendsLargeFilesStraightToIt) {
  const std::string proxy = std::to_string(FreePort());
  const std::string files = "http://127.0.0.1:" + proxy;
  Cluster::Options options = WithPage({"--gateway.upload_origins=" + files});
  options.fileserver_flags = {"--http.public_url=" + files, "--http.cors_origins=*"};
  Cluster cluster(options);
  const absl::Status started = cluster.StartAll();
  ASSERT_TRUE(started.ok()) << started;
  const std::string address = cluster.http_of("fileserver");
  ::setenv("STOCKROOM_PROXY_PORT", proxy.c_str(), 1);
  ::setenv("STOCKROOM_FILES_PORT", address.substr(address.rfind(':') + 1).c_str(), 1);
  EXPECT_EQ(Node(cluster, "direct.test.mjs"), 0);
}

}  // namespace
}  // namespace stockroom::testing
