// Answers that are at hand: sent without waiting, otherwise as any other.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>

#include "services/common/http/server.h"
#include "tests/unit/http/raw_client.h"

namespace stockroom::http {
namespace {

using ::testing::HasSubstr;

class AtHandTest : public ::testing::Test {
 protected:
  // /cached/{file}: "hit" is at hand, "no" is not, "throws" does.
  void Start() {
    ASSERT_TRUE(router_
                    .Add(
                        "GET", "/cached/{file}", {},
                        [this](Request& request) -> Task<Response> {
                          ++waited_;
                          const auto* carried = std::any_cast<std::string>(&request.carried);
                          co_return Response::Text(200, "text/plain",
                                                   carried != nullptr ? *carried : "nothing");
                        },
                        [this](Request& request) { return Try(request); })
                    .ok());
    options_.listen = "127.0.0.1:0";
    auto server = Server::Start(options_, std::move(router_), metrics_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }
  std::optional<Response> Try(Request& request) {
    ++tried_;
    if (request.Captured("file") == "throws") throw std::runtime_error("a fault");
    if (request.Captured("file") != "hit") {
      request.carried = std::string("found out before");
      return std::nullopt;
    }
    Response response;
    response.headers.Add("ETag", "\"e\"");
    response.shared_body = bytes_;
    response.shared_offset = offset_;
    response.shared_length = length_;
    return response;
  }
  static std::string Get(const std::string& file, const std::string& fields = "") {
    return "GET /cached/" + file + " HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n";
  }
  int port() const { return server_->port(); }

  std::shared_ptr<const std::string> bytes_ = std::make_shared<const std::string>("0123456789");
  int64_t offset_ = 0;
  std::optional<int64_t> length_;
  std::atomic<int> tried_ = 0;
  std::atomic<int> waited_ = 0;
  Metrics metrics_;
  ServerOptions options_;
  Router router_;
  std::unique_ptr<Server> server_;
};

TEST_F(AtHandTest, IsAnsweredWithoutTheHandlerAndWithTheHeadersOfAllAnswers) {
  Start();
  RawClient client(port());
  const RawResponse answer = client.Ask(Get("hit", "X-Request-Id: my-id\r\n"));
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "0123456789");
  EXPECT_EQ(answer.Header("ETag"), "\"e\"");
  EXPECT_EQ(answer.Header("X-Request-Id"), "my-id");
  EXPECT_EQ(answer.Header("X-Content-Type-Options"), "nosniff");
  EXPECT_FALSE(answer.Header("Date").empty());
  EXPECT_EQ(waited_, 0);
  server_.reset();  // counting comes after sending
  EXPECT_THAT(metrics_.Render(),
              HasSubstr("stockroom_http_requests_total{route=\"/cached/{file}\",method=\"GET\","
                        "class=\"2xx\"} 1\n"));
}

TEST_F(AtHandTest, IsLeftToTheHandlerWithWhatWasFoundOut) {
  Start();
  RawClient client(port());
  EXPECT_EQ(client.Ask(Get("no")).body, "found out before");
  EXPECT_EQ(tried_, 1);
  EXPECT_EQ(waited_, 1);
}

TEST_F(AtHandTest, SendsThePartThatWasAskedFor) {
  offset_ = 2;
  length_ = 3;
  Start();
  RawClient client(port());
  const RawResponse answer = client.Ask(Get("hit"));
  EXPECT_EQ(answer.body, "234");
  EXPECT_EQ(answer.Header("Content-Length"), "3");
}

TEST_F(AtHandTest, HeadIsAnsweredWithoutABody) {
  Start();
  RawClient client(port());
  client.Send("HEAD /cached/hit HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(client.Receive(true).Header("Content-Length"), "10");
  EXPECT_EQ(client.Ask(Get("hit")).body, "0123456789");
}

TEST_F(AtHandTest, PipelinedRequestsAreAnsweredInOrderWhoeverAnswersThem) {
  Start();
  RawClient client(port());
  client.Send(Get("hit") + Get("no") + Get("hit") + Get("hit", "Connection: close\r\n"));
  EXPECT_EQ(client.Receive().body, "0123456789");
  EXPECT_EQ(client.Receive().body, "found out before");
  EXPECT_EQ(client.Receive().body, "0123456789");
  const RawResponse last = client.Receive();
  EXPECT_EQ(last.body, "0123456789");
  EXPECT_EQ(last.Header("Connection"), "close");
  EXPECT_TRUE(client.ClosedSilently());
}

TEST_F(AtHandTest, ARequestWithABodyIsTheHandlers) {
  Start();
  RawClient client(port());
  EXPECT_EQ(client.Ask(Get("hit", "Content-Length: 3\r\n") + "abc").body, "nothing");
  EXPECT_EQ(tried_, 0);
  EXPECT_EQ(client.Ask(Get("hit")).body, "0123456789");
}

TEST_F(AtHandTest, AFaultIsAnErrorOfThisRequestOnly) {
  Start();
  RawClient client(port());
  EXPECT_EQ(client.Ask(Get("throws")).status, 500);
  EXPECT_EQ(client.Ask(Get("hit")).status, 200);
}

TEST_F(AtHandTest, AClientThatReadsSlowlyGetsAllOfIt) {
  std::string large(20 << 20, 'x');
  for (size_t i = 0; i < large.size(); ++i) large[i] = static_cast<char>('a' + i % 23);
  bytes_ = std::make_shared<const std::string>(large);
  Start();
  RawClient client(port(), 4096);
  const RawResponse answer = client.Ask(Get("hit"));
  EXPECT_TRUE(answer.body == large);
  EXPECT_EQ(client.Ask(Get("no")).status, 200);
}

TEST_F(AtHandTest, AClientThatReadsNothingIsGivenUp) {
  bytes_ = std::make_shared<const std::string>(20 << 20, 'x');
  options_.grace = absl::Milliseconds(100);
  options_.write_idle_timeout = absl::Milliseconds(100);
  Start();
  RawClient client(port(), 4096);
  client.Send(Get("hit"));
  const Gauge& open = metrics_.GetGauge("stockroom_http_connections", "");
  for (int i = 0; i < 2000 && open.value() > 0; ++i) absl::SleepFor(absl::Milliseconds(10));
  EXPECT_EQ(open.value(), 0);
}

TEST_F(AtHandTest, TheLimitOfRequestsAConnectionHoldsHereToo) {
  options_.max_requests_per_connection = 2;
  Start();
  RawClient client(port());
  EXPECT_EQ(client.Ask(Get("hit")).Header("Connection"), "");
  EXPECT_EQ(client.Ask(Get("hit")).Header("Connection"), "close");
  EXPECT_TRUE(client.ClosedSilently());
}

TEST_F(AtHandTest, IsServedWhileTheServerIsBusyButNotPastTheLimitOfConnections) {
  options_.max_requests_in_flight = 0;
  options_.max_connections = 1;
  Start();
  RawClient client(port());
  EXPECT_EQ(client.Ask(Get("hit")).status, 200);
  EXPECT_EQ(client.Ask(Get("no")).status, 503);
  RawClient past(port());
  EXPECT_EQ(past.Ask(Get("hit")).status, 503);
}

TEST_F(AtHandTest, TellsPagesOfAllowedOriginsThatTheyMayRead) {
  options_.cors.origins = {"https://photos.example"};
  Start();
  RawClient client(port());
  EXPECT_EQ(client.Ask(Get("hit", "Origin: https://photos.example\r\n"))
                .Header("Access-Control-Allow-Origin"),
            "https://photos.example");
}

}  // namespace
}  // namespace stockroom::http
