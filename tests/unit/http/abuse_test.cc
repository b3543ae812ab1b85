// Clients that want to hold, confuse or exhaust the server.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "services/common/http/problem.h"
#include "services/common/http/server.h"
#include "tests/unit/http/raw_client.h"

namespace stockroom::http {
namespace {

using ::testing::HasSubstr;
using namespace std::string_literals;

class AbuseTest : public ::testing::Test {
 protected:
  void Start() {
    ASSERT_TRUE(router_
                    .AddPlain("GET", "/hello", {},
                              [](Request& request) {
                                return Response::Text(
                                    200, "text/plain",
                                    absl::StrCat(request.query, "|", request.context.trace.trace_id,
                                                 "|", request.context.trace.state, "|",
                                                 request.context.request_id));
                              })
                    .ok());
    ASSERT_TRUE(router_
                    .AddPlain("GET", "/large", {},
                              [](Request&) {
                                return Response::Text(200, "text/plain",
                                                      std::string(32 << 20, 'x'));
                              })
                    .ok());
    RouteOptions route;
    route.max_body_bytes = 1 << 20;
    ASSERT_TRUE(router_
                    .Add("POST", "/count", route,
                         [](Request& request) -> Task<Response> {
                           const auto body = co_await ReadAll(*request.body, 1 << 20);
                           if (!body.ok()) co_return ProblemResponse(body.status(), "");
                           co_return Response::Text(200, "text/plain",
                                                    std::to_string(body->size()));
                         })
                    .ok());
    options_.listen = "127.0.0.1:0";
    auto server = Server::Start(options_, std::move(router_), metrics_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }
  int port() const { return server_->port(); }
  int64_t OpenConnections() { return metrics_.GetGauge("stockroom_http_connections", "").value(); }
  int StatusOf(const std::string& bytes) {
    RawClient client(port());
    client.Send(bytes);
    return client.Receive().status;
  }

  Metrics metrics_;
  ServerOptions options_;
  Router router_;
  std::unique_ptr<Server> server_;
};

constexpr char kHello[] = "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n";

TEST_F(AbuseTest, ABodyThatDripsIsCutOffAlthoughItNeverPauses) {
  options_.grace = absl::Milliseconds(100);
  options_.min_bytes_per_second = 1000;
  options_.linger = absl::Milliseconds(10);
  Start();
  RawClient client(port());
  client.Send("POST /count HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n");
  // A byte each 5 ms are 200 bytes a second, and no pause comes near the idle limit of 30 s.
  std::thread drip([&] {
    while (client.Send("x")) absl::SleepFor(absl::Milliseconds(5));
  });
  const RawResponse answer = client.Receive();
  EXPECT_EQ(answer.status, 408);
  EXPECT_THAT(answer.body, HasSubstr("BODY_TIMEOUT"));
  drip.join();
}

TEST_F(AbuseTest, ASlowReaderIsCutOffAlthoughItNeverPauses) {
  options_.grace = absl::Milliseconds(200);
  options_.min_bytes_per_second = 100 << 20;  // far more than it will take
  Start();
  RawClient client(port(), /*receive_buffer=*/4096);
  client.Send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n");
  char byte[512];
  // The end of the connection ends the loop: a reset, or the end of what was on its way.
  while (::recv(client.fd(), byte, sizeof byte, 0) > 0 && OpenConnections() > 0) {
    absl::SleepFor(absl::Milliseconds(2));
  }
  while (OpenConnections() > 0) std::this_thread::yield();
}

TEST_F(AbuseTest, AReaderThatKeepsHalfOfTheLeastRateIsCutOff) {
  constexpr int64_t kRate = 16 << 20;
  options_.grace = absl::Milliseconds(100);
  options_.write_idle_timeout = absl::Milliseconds(500);
  options_.min_bytes_per_second = kRate;
  Start();
  RawClient client(port(), /*receive_buffer=*/256 << 10);
  client.Send("GET /large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  std::string piece(64 << 10, '\0');
  size_t got = 0;
  const absl::Time begun = absl::Now();
  while (true) {
    const ssize_t n = ::recv(client.fd(), piece.data(), piece.size(), 0);
    if (n <= 0) break;
    got += static_cast<size_t>(n);
    // A machine that is late makes it slower still.
    absl::SleepFor(begun + absl::Seconds(1) * (static_cast<double>(got) / (0.6 * kRate)) -
                   absl::Now());
  }
  EXPECT_LT(got, size_t{32} << 20);
}

TEST_F(AbuseTest, AReaderThatIsSlowButSteadyGetsEverything) {
  options_.grace = absl::Milliseconds(200);
  options_.write_idle_timeout = absl::Seconds(20);
  options_.min_bytes_per_second = 1;
  Start();
  RawClient client(port(), /*receive_buffer=*/16384);
  client.Send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n");
  absl::SleepFor(absl::Milliseconds(100));  // the server has filled what the kernels hold
  EXPECT_EQ(client.Receive().body.size(), size_t{32} << 20);
}

TEST_F(AbuseTest, PipelinedRequestsAreAnsweredOneByOneAndHoldNoMemory) {
  Start();
  RawClient client(port());
  constexpr int kRequests = 20'000;
  std::thread flood([&] {
    std::string many;
    for (int i = 0; i < 100; ++i) many += kHello;
    for (int i = 0; i < kRequests / 100 && client.Send(many); ++i) {
    }
  });
  int64_t in_flight = 0;
  for (int i = 0; i < kRequests; ++i) {
    ASSERT_EQ(client.Receive().status, 200) << i;
    in_flight =
        std::max(in_flight, metrics_.GetGauge("stockroom_http_requests_in_flight", "").value());
  }
  EXPECT_LE(in_flight, 1);
  flood.join();
}

TEST_F(AbuseTest, AConnectionServesABoundedNumberOfRequests) {
  options_.max_requests_per_connection = 3;
  Start();
  RawClient client(port());
  EXPECT_EQ(client.Ask(kHello).Header("Connection"), "");
  EXPECT_EQ(client.Ask(kHello).Header("Connection"), "");
  EXPECT_EQ(client.Ask(kHello).Header("Connection"), "close");
  EXPECT_TRUE(client.ClosedSilently());
}

TEST_F(AbuseTest, ManyConnectionsThatDripTheirHeadsAreCutOffAndOthersAreServed) {
  options_.header_deadline = absl::Milliseconds(200);
  options_.linger = absl::Milliseconds(10);
  Start();
  std::vector<std::unique_ptr<RawClient>> slow;
  for (int i = 0; i < 200; ++i) {
    slow.push_back(std::make_unique<RawClient>(port()));
    slow.back()->Send("GET /hello HTTP/1.1\r\nHost: a\r\nX");
  }
  RawClient good(port());
  ASSERT_EQ(good.Ask(kHello).status, 200);
  for (int turn = 0; OpenConnections() > 1; ++turn) {
    ASSERT_EQ(good.Ask(kHello).status, 200);
    for (auto& client : slow) client->Send(turn % 2 == 0 ? ":" : "x");
    absl::SleepFor(absl::Milliseconds(5));
  }
  EXPECT_EQ(good.Ask(kHello).status, 200);
}

TEST_F(AbuseTest, FramingOnWhichTwoServersCouldDisagreeIsRefused) {
  options_.linger = absl::Milliseconds(10);
  Start();
  const std::string post = "POST /count HTTP/1.1\r\nHost: a\r\n";
  const std::pair<std::string, int> cases[] = {
      {post + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {post + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", 400},
      {post + "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400},
      {post + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400},
      {post + "Content-Length: 3, 3\r\n\r\nabc", 400},
      {post + "Content-Length: +3\r\n\r\nabc", 400},
      {post + "Content-Length: -1\r\n\r\n", 400},
      {post + "Content-Length: 0x3\r\n\r\nabc", 400},
      {post + "Content-Length: 99999999999999999999\r\n\r\nabc", 400},
      {post + "Content-Length : 3\r\n\r\nabc", 400},
      {post + "Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n", 501},
      {post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 501},
      {post + "Transfer-Encoding: \x0b"
              "chunked\r\n\r\n0\r\n\r\n",
       400},
      {"POST /count HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {"GET /hello HTTP/1.1\nHost: a\n\n", 400},
      {"GET /hello HTTP/1.1\r\nHost: a\nX: y\r\n\r\n", 400},
      {"GET /hello HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n", 400},
      {"GET /hello HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n", 400},
      {"GET /hello HTTP/1.1\r\nHost: a\r\n X: a\r\n\r\n", 400},
      {"GET /hello HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n"s, 400},
      {"GET /he\0llo HTTP/1.1\r\nHost: a\r\n\r\n"s, 400},
      {"GET http://a/hello HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"GET a:80 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", 501},
      {"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"GET /hello HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
      {"GET /hello HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
      {"GET /hello  HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"\r\nGET /hello HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"GET /hello\r\n\r\n", 400},
      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
      {post + "Expect: 200-ok\r\nContent-Length: 3\r\n\r\nabc", 417}};
  for (const auto& [bytes, status] : cases) EXPECT_EQ(StatusOf(bytes), status) << bytes;
}

TEST_F(AbuseTest, AHeadOfAMegabyteOrAThousandFieldsIsRefused) {
  options_.linger = absl::Milliseconds(10);
  Start();
  EXPECT_EQ(
      StatusOf("GET /hello HTTP/1.1\r\nHost: a\r\nX: " + std::string(1 << 20, 'x') + "\r\n\r\n"),
      431);
  std::string fields;
  for (int i = 0; i < 1000; ++i) fields += "A:b\r\n";
  EXPECT_EQ(StatusOf("GET /hello HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n"), 431);
}

TEST_F(AbuseTest, ChunksThatLieAreRefusedAndTrailersAreNotHeaders) {
  options_.linger = absl::Milliseconds(10);
  Start();
  const std::string post = "POST /count HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  const std::pair<std::string, int> cases[] = {
      {"3\r\nabc\r\n0\r\nX-Trailer: y\r\n\r\n", 200},
      {"3;name=value\r\nabc\r\n0\r\n\r\n", 200},
      {"3;" + std::string(300, 'x') + "\r\nabc\r\n0\r\n\r\n", 400},
      {"3;" + std::string(1 << 20, 'x'), 400},
      {"3\r\nabc\r\n0\r\n" + std::string(5000, 'x') + ": y\r\n\r\n", 400},
      {"FFFFFFFFFFFFFFFF\r\nabc\r\n", 400},
      {"10000000000000003\r\nabc\r\n0\r\n\r\n", 400},
      {"00000000000000003\r\nabc\r\n0\r\n\r\n", 400},
      {"3\nabc\r\n0\r\n\r\n", 400},
      {"3\r\nabcd\r\n0\r\n\r\n", 400},
      {"-3\r\nabc\r\n0\r\n\r\n", 400},
      {" 3\r\nabc\r\n0\r\n\r\n", 400},
      {"3 \r\nabc\r\n0\r\n\r\n", 400},
      {"0x3\r\nabc\r\n0\r\n\r\n", 400},
      {"200000\r\n" + std::string(2 << 20, 'x'), 413}};
  for (const auto& [bytes, status] : cases) {
    EXPECT_EQ(StatusOf(post + bytes), status) << bytes.substr(0, 40);
  }
}

TEST_F(AbuseTest, WhatFollowsABodyIsTheNextRequestAndNothingElse) {
  Start();
  RawClient client(port());
  client.Send(absl::StrCat("POST /count HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
                           "GET /hello?next HTTP/1.1\r\nHost: a\r\n\r\n"));
  EXPECT_EQ(client.Receive().body, "3");
  EXPECT_THAT(client.Receive().body, HasSubstr("next"));
  client.Send(absl::StrCat("POST /count HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
                           "3\r\nabc\r\n0\r\n\r\n",
                           "GET /hello?after HTTP/1.1\r\nHost: a\r\n\r\n"));
  EXPECT_EQ(client.Receive().body, "3");
  EXPECT_THAT(client.Receive().body, HasSubstr("after"));
}

TEST_F(AbuseTest, AClientThatExpectsAndNeverSendsIsGivenUp) {
  options_.body_idle_timeout = absl::Milliseconds(50);
  Start();
  RawClient client(port());
  client.Send(
      "POST /count HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n"
      "Expect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.Receive().status, 100);
  EXPECT_EQ(client.Receive().status, 408);
}

TEST_F(AbuseTest, TheTraceOfAClientIsTakenAndABadOneIsNot) {
  Start();
  constexpr char kTrace[] = "4bf92f3577b34da6a3ce929d0e0e4736";
  const auto ask = [&](const std::string& headers) {
    RawClient client(port());
    return client.Ask("GET /hello HTTP/1.1\r\nHost: a\r\n" + headers + "\r\n");
  };
  const std::string parent = absl::StrCat("Traceparent: 00-", kTrace, "-00f067aa0ba902b7-01\r\n");
  EXPECT_EQ(ask(parent + "tracestate: a=b\r\n").body, absl::StrCat("|", kTrace, "|a=b|", kTrace));
  const RawResponse named = ask(parent + "X-Request-Id: mine\r\n");
  EXPECT_EQ(named.body, absl::StrCat("|", kTrace, "||mine"));
  EXPECT_EQ(named.Header("X-Request-Id"), "mine");
  EXPECT_THAT(ask(parent + parent).body, ::testing::Not(HasSubstr(kTrace))) << "which one?";
  EXPECT_THAT(ask(absl::StrCat("traceparent: 01-", kTrace, "-00f067aa0ba902b7-01\r\n")).body,
              ::testing::Not(HasSubstr(kTrace)));
}

}  // namespace
}  // namespace stockroom::http
