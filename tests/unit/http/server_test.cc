#include "services/common/http/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/http/raw_client.h"

namespace stockroom::http {
namespace {

using ::testing::HasSubstr;

class ServerTest : public ::testing::Test {
 protected:
  void Start() {
    options_.listen = "127.0.0.1:0";
    auto server = Server::Start(options_, std::move(router_), metrics_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }
  int port() const { return server_->port(); }

  Metrics metrics_;
  ServerOptions options_;
  Router router_;
  std::unique_ptr<Server> server_;
};

TEST_F(ServerTest, AnswersHealthReadinessAndMetrics) {
  std::vector<std::string> reasons = {"the index is loading"};
  ASSERT_TRUE(MountOperational(router_, metrics_, [&] { return reasons; }).ok());
  Start();
  RawClient client(port());
  EXPECT_EQ(client.Ask("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").status, 200);
  const RawResponse not_ready = client.Ask("GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(not_ready.status, 503);
  EXPECT_THAT(not_ready.body, HasSubstr("the index is loading"));
  reasons.clear();
  EXPECT_EQ(client.Ask("GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n").status, 200);
  const RawResponse metrics = client.Ask("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_THAT(metrics.body, HasSubstr("stockroom_http_requests_total"));
  EXPECT_THAT(metrics.Header("Content-Type"), HasSubstr("version=0.0.4"));
}

}  // namespace
}  // namespace stockroom::http
