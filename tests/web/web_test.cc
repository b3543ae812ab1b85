// The browser UI in Chromium against a real cluster: the scripts beside this file.
// STOCKROOM_SCREENSHOTS names a folder to keep their screenshots in.
#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/support/cluster.h"

namespace stockroom::testing {
namespace {

class Web : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    cluster_ = new Cluster({.workers = 1, .api_flags = {"--gateway.web_root=" STOCKROOM_WEB_ROOT}});
    const absl::Status started = cluster_->StartAll();
    ASSERT_TRUE(started.ok()) << started;
    ::setenv("STOCKROOM_GATEWAY", cluster_->gateway().c_str(), 1);
    ::setenv("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1", 1);
    const std::string screenshots = cluster_->directory() + "/screenshots";
    ::setenv("STOCKROOM_SCREENSHOTS", screenshots.c_str(), /*overwrite=*/0);
  }
  static void TearDownTestSuite() {
    delete cluster_;
    cluster_ = nullptr;
  }
  static int Node(const std::string& script) {
    return std::system(("cd " STOCKROOM_WEB_TESTS " && timeout 180 node --test " + script).c_str());
  }

  static Cluster* cluster_;
};
Cluster* Web::cluster_ = nullptr;

TEST_F(Web, ThePageDoesWhatPeopleDoWithIt) { EXPECT_EQ(Node("page.test.mjs"), 0); }

TEST_F(Web, ThePageCopesWithWhateverIsAnswered) { EXPECT_EQ(Node("answers.test.mjs"), 0); }

}  // namespace
}  // namespace stockroom::testing
