// Clients that others have written, from npm, against a real cluster: tests/foreign.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "tests/support/cluster.h"

namespace stockroom::testing {
namespace {

class Foreign : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    cluster_ = new Cluster({.workers = 1});
    const absl::Status started = cluster_->StartAll();
    ASSERT_TRUE(started.ok()) << started;
    const std::string picture = cluster_->directory() + "/picture.png";
    std::ofstream(picture, std::ios::binary) << MakePng(320, 200, 1);
    ::setenv("STOCKROOM_GATEWAY", cluster_->gateway().c_str(), 1);
    ::setenv("STOCKROOM_ADDRESS", cluster_->rpc_address().c_str(), 1);
    ::setenv("STOCKROOM_PICTURE", picture.c_str(), 1);
    ::setenv("STOCKROOM_PROTOS", STOCKROOM_PROTOS, 1);
  }
  static void TearDownTestSuite() {
    delete cluster_;
    cluster_ = nullptr;
  }
  static int Node(const std::string& script) {
    return std::system(
        // Node 18 has no limit of its own for a file of tests.
        ("cd " STOCKROOM_FOREIGN " && timeout 120 node --test " + script).c_str());
  }

  static Cluster* cluster_;
};
Cluster* Foreign::cluster_ = nullptr;

TEST_F(Foreign, TheOpenApiDocumentIsValidAndTrue) { EXPECT_EQ(Node("openapi.test.mjs"), 0); }

TEST_F(Foreign, GrpcJsUploadsSearchesAndWatches) { EXPECT_EQ(Node("grpc.test.mjs"), 0); }

}  // namespace
}  // namespace stockroom::testing
