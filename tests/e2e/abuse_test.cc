// A real gateway under clients that want to hold, confuse or exhaust it.
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "services/common/base/process.h"
#include "tests/support/cluster.h"
#include "tests/unit/http/raw_client.h"

namespace stockroom::testing {
namespace {

using http::RawClient;
using http::RawResponse;

class Abuse : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    RaiseDescriptorLimit();
    cluster_ = new Cluster({.workers = 1, .api_flags = {"--gateway.max_connections=15000"}});
    const absl::Status started = cluster_->StartAll();
    ASSERT_TRUE(started.ok()) << started;
    Client client(cluster_->rpc_address());
    v1::UploadHeader header;
    header.set_wait(true);
    const auto response = client.Upload(MakePng(64, 48, 1), header);
    ASSERT_TRUE(response.ok()) << response.status();
    image_ = response->image().id();
  }
  static void TearDownTestSuite() {
    EXPECT_TRUE(cluster_->IsRunning("api"));
    delete cluster_;
    cluster_ = nullptr;
  }
  static std::string Get(const std::string& more = "") {
    return "GET /v1/images/" + image_ + " HTTP/1.1\r\nHost: localhost\r\n" + more + "\r\n";
  }
  static int port() { return cluster_->gateway_port(); }
  static void ExpectGoodService() {
    RawClient good(port());
    for (int i = 0; i < 50; ++i) {
      const RawResponse answer = good.Ask(Get());
      ASSERT_EQ(answer.status, 200) << answer.head;
      ASSERT_NE(answer.body.find(image_), std::string::npos);
    }
  }
  static int StatusOf(const std::string& bytes) {
    RawClient client(port());
    client.Send(bytes);
    return client.Receive().status;
  }

  static Cluster* cluster_;
  static std::string image_;
};
Cluster* Abuse::cluster_ = nullptr;
std::string Abuse::image_;

TEST_F(Abuse, GoodRequestsAreAnsweredBesideTenThousandIdleConnections) {
  std::vector<std::unique_ptr<RawClient>> idle;
  for (int i = 0; i < 10'000; ++i) {
    idle.push_back(std::make_unique<RawClient>(port()));
    // Some have been used before they fell idle.
    if (i % 100 == 0) {
      ASSERT_EQ(idle.back()->Ask(Get()).status, 200) << i;
    }
  }
  ExpectGoodService();
  EXPECT_EQ(idle.back()->Ask(Get()).status, 200) << "the idle ones are served when they wake up";
  EXPECT_EQ(idle.front()->Ask(Get()).status, 200);
}

TEST_F(Abuse, GoodRequestsAreAnsweredBesideManyThatDripTheirHeads) {
  std::vector<std::unique_ptr<RawClient>> slow;
  for (int i = 0; i < 500; ++i) {
    slow.push_back(std::make_unique<RawClient>(port()));
    slow.back()->Send("GET /v1/images HTTP/1.1\r\nHost: localhost\r\nX-");
  }
  for (int turn = 0; turn < 5; ++turn) {
    ExpectGoodService();
    for (auto& client : slow) client->Send("y");
  }
}

TEST_F(Abuse, HeldBackBodiesDoNotHoldUpOthers) {
  std::vector<std::unique_ptr<RawClient>> slow;
  for (int i = 0; i < 100; ++i) {
    slow.push_back(std::make_unique<RawClient>(port()));
    slow.back()->Send(
        "POST /v1/images HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\n"
        "Content-Length: 100000\r\n\r\n\x89PNG");
  }
  ExpectGoodService();
}

TEST_F(Abuse, WhatTwoServersCouldUnderstandDifferentlyIsRefused) {
  const std::string post =
      "POST /v1/images HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\n";
  EXPECT_EQ(StatusOf(post + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
            400);
  EXPECT_EQ(StatusOf(post + "Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcd"), 400);
  EXPECT_EQ(StatusOf("GET /v1/images HTTP/1.1\nHost: a\n\n"), 400);
  EXPECT_EQ(StatusOf(Get("X: a\r\n b\r\n")), 400);
  EXPECT_EQ(StatusOf(Get("X: " + std::string(1 << 20, 'x') + "\r\n")), 431);
  EXPECT_EQ(StatusOf(Get(std::string("X: a\0b\r\n", 8))), 400);
  EXPECT_EQ(StatusOf("GET http://a/v1/images HTTP/1.1\r\nHost: localhost\r\n\r\n"), 400);
  EXPECT_EQ(StatusOf("CONNECT a:443 HTTP/1.1\r\nHost: localhost\r\n\r\n"), 501);
  EXPECT_EQ(StatusOf(post + "Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\n"), 400);
  EXPECT_EQ(StatusOf(post + "Transfer-Encoding: chunked\r\n\r\n1;" + std::string(1000, 'x')), 400);
  ExpectGoodService();
}

TEST_F(Abuse, AFloodOfPipelinedRequestsIsAnsweredInOrder) {
  RawClient client(port());
  std::string many;
  for (int i = 0; i < 500; ++i) {
    many += Get("X-Request-Id: " + std::to_string(i) + "\r\n");
  }
  ASSERT_TRUE(client.Send(many));
  for (int i = 0; i < 500; ++i) {
    ASSERT_EQ(client.Receive().Header("X-Request-Id"), std::to_string(i));
  }
}

}  // namespace
}  // namespace stockroom::testing
