#include "services/common/http/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>

#include "services/common/base/status.h"
#include "services/common/http/problem.h"
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

  // Reads the whole body and answers with its length; tells the test when a piece was read.
  void AddCounting(int64_t max_body) {
    RouteOptions route;
    route.max_body_bytes = max_body;
    ASSERT_TRUE(router_
                    .Add("POST", "/count", route,
                         [this](Request& request) -> Task<Response> {
                           size_t total = 0;
                           while (true) {
                             ByteResult piece = co_await request.body->Read();
                             if (!piece.ok()) {
                               body_error_ = piece.status();
                               co_return ProblemResponse(piece.status(), "");
                             }
                             if (!piece->has_value()) break;
                             total += (*piece)->size();
                             read_ += (*piece)->size();
                           }
                           co_return Response::Text(200, "text/plain", std::to_string(total));
                         })
                    .ok());
  }
  // Waits for its callback, which the test holds; cancelling the request completes it too.
  void AddWaiting(const RouteOptions& route = {}) {
    ASSERT_TRUE(router_
                    .Add("GET", "/wait", route,
                         [this](Request& request) -> Task<Response> {
                           std::unique_ptr<Cancellation::Registration> watch;
                           auto start = [this, &request, &watch](auto done) {
                             finish_ = std::move(done);
                             watch = request.context.cancellation->OnCancel([this] {
                               cancelled_.set_value();
                               std::exchange(finish_, {})(499);
                             });
                             entered_.set_value();
                           };
                           const int status = co_await AwaitCallback<int>(start);
                           watch.reset();
                           co_return Response::Text(status, "text/plain", "waited");
                         })
                    .ok());
  }
  void AddHello() {
    ASSERT_TRUE(router_
                    .AddPlain("GET", "/hello", {},
                              [](Request& request) {
                                return Response::Text(200, "text/plain", "hello " + request.query);
                              })
                    .ok());
  }

  Metrics metrics_;
  std::atomic<size_t> read_ = 0;
  absl::Status body_error_;
  std::promise<void> entered_;
  std::promise<void> cancelled_;
  absl::AnyInvocable<void(int)> finish_;
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

constexpr char kHello[] = "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n";

TEST_F(ServerTest, KeepsTheConnectionAndAnswersPipelinedRequestsInOrder) {
  AddHello();
  Start();
  RawClient client(port());
  client.Send("GET /hello?1 HTTP/1.1\r\nHost: a\r\n\r\nGET /hello?2 HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(client.Receive().body, "hello 1");
  EXPECT_EQ(client.Receive().body, "hello 2");
  const RawResponse last =
      client.Ask("GET /hello?3 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(last.body, "hello 3");
  EXPECT_EQ(last.Header("Connection"), "close");
  EXPECT_TRUE(client.ClosedSilently());
}

TEST_F(ServerTest, SendsTheHeadersEveryAnswerHas) {
  AddHello();
  Start();
  RawClient client(port());
  const RawResponse given =
      client.Ask("GET /hello HTTP/1.1\r\nHost: a\r\nX-Request-Id: my-id\r\n\r\n");
  EXPECT_EQ(given.Header("X-Request-Id"), "my-id");
  EXPECT_EQ(given.Header("X-Content-Type-Options"), "nosniff");
  EXPECT_EQ(given.Header("Server"), "");
  const RawResponse cleaned =
      client.Ask("GET /hello HTTP/1.1\r\nHost: a\r\nX-Request-Id: <script>\r\n\r\n");
  EXPECT_NE(cleaned.Header("X-Request-Id"), "<script>");
  EXPECT_NE(cleaned.Header("X-Request-Id"), "");
}

TEST_F(ServerTest, AnswersHeadWithoutABody) {
  AddHello();
  Start();
  RawClient client(port());
  const RawResponse head =
      client.Ask("HEAD /hello HTTP/1.1\r\nHost: a\r\n\r\n", /*head_only=*/true);
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.Header("Content-Length"), "6");
  EXPECT_EQ(client.Ask(kHello).body, "hello ");
}

TEST_F(ServerTest, TellsUnknownPathsFromWrongMethods) {
  AddHello();
  Start();
  RawClient client(port());
  const RawResponse missing = client.Ask("GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(missing.status, 404);
  EXPECT_EQ(missing.Header("Content-Type"), "application/problem+json");
  const RawResponse wrong = client.Ask("DELETE /hello HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(wrong.status, 405);
  EXPECT_EQ(wrong.Header("Allow"), "GET, HEAD");
  EXPECT_EQ(client.Ask("GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n").status, 400);
  EXPECT_EQ(client.Ask(kHello).status, 200) << "the connection goes on";
}

TEST_F(ServerTest, RefusesMalformedHeadsAndCloses) {
  AddHello();
  Start();
  const std::pair<std::string, int> cases[] = {
      {"GET / HTTP/1.1\nHost: a\n\n", 400},
      {"GET /hello HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n", 400},
      {"POST /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
       400},
      {"GET /hello HTTP/1.1\r\n\r\n", 400},
      {"GET http://a/hello HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"BREW /hello HTTP/1.1\r\nHost: a\r\n\r\n", 501},
      {"GET /hello HTTP/3.0\r\nHost: a\r\n\r\n", 505},
      {"GET /hello HTTP/1.1\r\nHost: a\r\nX: " + std::string(20000, 'x') + "\r\n\r\n", 431},
      {"GET /" + std::string(20000, 'x'), 431}};
  for (const auto& [bytes, status] : cases) {
    RawClient client(port());
    const RawResponse response = client.Ask(bytes);
    EXPECT_EQ(response.status, status) << bytes.substr(0, 60);
    EXPECT_EQ(response.Header("Connection"), "close");
  }
}

TEST_F(ServerTest, CutsOffAHeadThatTricklesIn) {
  AddHello();
  options_.header_deadline = absl::Milliseconds(100);
  Start();
  RawClient client(port());
  client.Send("GET /hello HTTP/1.1\r\nHo");
  EXPECT_EQ(client.Receive().status, 408);
  EXPECT_TRUE(client.ClosedSilently());
}

TEST_F(ServerTest, ClosesAnIdleConnection) {
  AddHello();
  options_.idle_timeout = absl::Milliseconds(50);
  Start();
  RawClient client(port());
  EXPECT_EQ(client.Ask(kHello).status, 200);
  EXPECT_TRUE(client.ClosedSilently());
}

TEST_F(ServerTest, TakesBodiesOfKnownAndUnknownLength) {
  AddCounting(1 << 20);
  Start();
  RawClient client(port());
  EXPECT_EQ(client.Ask("POST /count HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello").body,
            "5");
  EXPECT_EQ(client
                .Ask("POST /count HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                     "3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n")
                .body,
            "7");
  EXPECT_EQ(client.Ask("POST /count HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n").body, "0");
  EXPECT_EQ(
      client.Ask("POST /count HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
          .status,
      400);
}

TEST_F(ServerTest, AsksForABodyThatWaitsToBeAskedFor) {
  AddCounting(100);
  Start();
  RawClient client(port());
  client.Send(
      "POST /count HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.Receive().status, 100);
  EXPECT_EQ(client.Ask("hello").body, "5");
  // Refused before the body: no 100.
  client.Send(
      "POST /count HTTP/1.1\r\nHost: a\r\nContent-Length: 101\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.Receive().status, 413);
}

TEST_F(ServerTest, ShowsAnEarlyErrorToAClientThatIsStillSending) {
  AddCounting(1000);
  Start();
  const std::string megabytes(8 << 20, 'x');
  {
    RawClient client(port());
    client.Send("POST /count HTTP/1.1\r\nHost: a\r\nContent-Length: 8388608\r\n\r\n");
    EXPECT_TRUE(client.Send(megabytes)) << "a reset would lose the answer";
    const RawResponse response = client.Receive();
    EXPECT_EQ(response.status, 413);
    EXPECT_THAT(response.body, HasSubstr("BODY_TOO_LARGE"));
    EXPECT_EQ(response.Header("Connection"), "close");
  }
  RawClient chunked(port());
  chunked.Send("POST /count HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n800000\r\n");
  EXPECT_TRUE(chunked.Send(megabytes));
  EXPECT_EQ(chunked.Receive().status, 413);
}

TEST_F(ServerTest, KeepsTheConnectionAfterASmallUnreadBody) {
  AddHello();
  Start();
  RawClient client(port());
  EXPECT_EQ(client.Ask("POST /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n").status, 405);
  ASSERT_EQ(client.Ask("GET /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nabcd").status,
            200);
  EXPECT_EQ(client.Ask(kHello).status, 200) << "the body was not taken for a request";
}

TEST_F(ServerTest, GivesUpOnABodyThatStalls) {
  AddCounting(1000);
  options_.body_idle_timeout = absl::Milliseconds(50);
  Start();
  RawClient client(port());
  client.Send("POST /count HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe");
  EXPECT_EQ(client.Receive().status, 408);
}

TEST_F(ServerTest, CancelsTheRequestWhenTheClientGoesAway) {
  AddWaiting();
  Start();
  RawClient client(port());
  client.Send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
  entered_.get_future().wait();
  client.Reset();
  EXPECT_EQ(cancelled_.get_future().wait_for(std::chrono::seconds(20)), std::future_status::ready);
}

TEST_F(ServerTest, AClientThatOnlySendsNoMoreGetsItsAnswer) {
  AddWaiting();
  Start();
  RawClient client(port());
  client.Send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
  client.FinishSending();
  entered_.get_future().wait();
  // Longer than the server needs to look a second time.
  EXPECT_EQ(cancelled_.get_future().wait_for(std::chrono::milliseconds(600)),
            std::future_status::timeout);
  std::exchange(finish_, {})(200);
  EXPECT_EQ(client.Receive().body, "waited");
  EXPECT_TRUE(client.ClosedSilently());
}

TEST_F(ServerTest, AnAnswerWithoutEndEndsWhenTheClientSendsNoMore) {
  AddWaiting({.until_close = true});
  Start();
  RawClient client(port());
  client.Send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
  client.FinishSending();
  EXPECT_EQ(cancelled_.get_future().wait_for(std::chrono::seconds(20)), std::future_status::ready);
}

TEST_F(ServerTest, ABodyThatBreaksOffIsAnErrorToTheHandler) {
  AddCounting(1000);
  Start();
  {
    RawClient client(port());
    client.Send("POST /count HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe");
    while (read_ < 2) std::this_thread::yield();
  }
  server_->Drain(absl::Seconds(20));
  EXPECT_EQ(body_error_.code(), absl::StatusCode::kCancelled);
}

TEST_F(ServerTest, CompletesFromAForeignThread) {
  AddWaiting();
  Start();
  RawClient client(port());
  client.Send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
  entered_.get_future().wait();
  std::thread([this] { std::exchange(finish_, {})(200); }).join();
  EXPECT_EQ(client.Receive().body, "waited");
}

TEST_F(ServerTest, DrainLetsARunningRequestFinishAndClosesIdleConnections) {
  AddWaiting();
  AddHello();
  Start();
  RawClient idle(port());
  EXPECT_EQ(idle.Ask(kHello).status, 200);
  RawClient busy(port());
  busy.Send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
  entered_.get_future().wait();
  std::thread drain([this] { server_->Drain(absl::Seconds(20)); });
  EXPECT_TRUE(idle.ClosedSilently());
  std::exchange(finish_, {})(200);
  const RawResponse response = busy.Receive();
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.Header("Connection"), "close");
  drain.join();
}

TEST_F(ServerTest, DrainCancelsWhatDoesNotFinishInTime) {
  AddWaiting();
  Start();
  RawClient client(port());
  client.Send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
  entered_.get_future().wait();
  server_->Drain(absl::Milliseconds(20));
  EXPECT_EQ(cancelled_.get_future().wait_for(std::chrono::seconds(0)), std::future_status::ready);
}

TEST_F(ServerTest, PastItsConnectionsItServesOnlyHealth) {
  AddHello();
  ASSERT_TRUE(MountOperational(router_, metrics_, [] { return std::vector<std::string>(); }).ok());
  options_.max_connections = 1;
  Start();
  RawClient first(port());
  EXPECT_EQ(first.Ask(kHello).status, 200);
  RawClient second(port());
  const RawResponse refused = second.Ask(kHello);
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.Header("Retry-After"), "1");
  EXPECT_EQ(refused.Header("Connection"), "close");
  RawClient third(port());
  EXPECT_EQ(third.Ask("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").status, 200);
}

TEST_F(ServerTest, PastItsRequestsInFlightItSaysSo) {
  AddWaiting();
  AddHello();
  ASSERT_TRUE(MountOperational(router_, metrics_, [] { return std::vector<std::string>(); }).ok());
  options_.max_requests_in_flight = 1;
  Start();
  RawClient busy(port());
  busy.Send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
  entered_.get_future().wait();
  RawClient other(port());
  EXPECT_EQ(other.Ask(kHello).status, 503);
  EXPECT_EQ(other.Ask("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").status, 200);
  std::exchange(finish_, {})(200);
  EXPECT_EQ(busy.Receive().status, 200);
  EXPECT_EQ(other.Ask(kHello).status, 200);
}

TEST_F(ServerTest, AHandlerThatThrowsIsAnInternalError) {
  ASSERT_TRUE(router_
                  .AddPlain("GET", "/throw", {},
                            [](Request&) -> Response { throw std::runtime_error("secret"); })
                  .ok());
  Start();
  RawClient client(port());
  const RawResponse response = client.Ask("GET /throw HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(response.status, 500);
  EXPECT_THAT(response.body, ::testing::Not(HasSubstr("secret")));
}

// Gives `pieces` pieces of `size` bytes, then ends, or fails.
class Pieces final : public BodySource {
 public:
  Pieces(int pieces, size_t size, absl::Status end, std::atomic<int>* given)
      : left_(pieces), size_(size), end_(std::move(end)), given_(given) {}
  Task<ByteResult> Next() override {
    if (left_ == 0) {
      if (!end_.ok()) co_return end_;
      co_return std::optional<std::string>();
    }
    --left_;
    if (given_ != nullptr) ++*given_;
    co_return std::optional<std::string>(std::string(size_, 'p'));
  }

 private:
  int left_;
  size_t size_;
  absl::Status end_;
  std::atomic<int>* given_;
};

class StreamTest : public ServerTest {
 protected:
  void AddStream(std::function<void(Response&)> fill) {
    ASSERT_TRUE(router_
                    .AddPlain("GET", "/stream", {},
                              [fill = std::move(fill)](Request&) {
                                Response response;
                                fill(response);
                                return response;
                              })
                    .ok());
    Start();
  }
  static constexpr char kGet[] = "GET /stream HTTP/1.1\r\nHost: a\r\n\r\n";
};

TEST_F(StreamTest, SendsAnUnknownLengthInChunks) {
  AddStream(
      [](Response& r) { r.stream = std::make_unique<Pieces>(3, 1000, absl::OkStatus(), nullptr); });
  RawClient client(port());
  const RawResponse response = client.Ask(kGet);
  EXPECT_EQ(response.Header("Transfer-Encoding"), "chunked");
  EXPECT_EQ(response.body, std::string(3000, 'p'));
  EXPECT_EQ(client.Ask(kGet).body.size(), 3000u) << "the connection is kept";
}

TEST_F(StreamTest, EndsTheConnectionInsteadOfChunksForHttp10) {
  AddStream(
      [](Response& r) { r.stream = std::make_unique<Pieces>(3, 1000, absl::OkStatus(), nullptr); });
  RawClient client(port());
  const RawResponse response = client.Ask("GET /stream HTTP/1.0\r\n\r\n");
  EXPECT_EQ(response.Header("Transfer-Encoding"), "");
  EXPECT_EQ(response.body.size(), 3000u);
}

TEST_F(StreamTest, AnErrorBeforeTheFirstByteIsAProperAnswer) {
  AddStream([](Response& r) {
    r.stream = std::make_unique<Pieces>(0, 0, absl::UnavailableError("away"), nullptr);
    r.stream_length = 10;
  });
  RawClient client(port());
  EXPECT_EQ(client.Ask(kGet).status, 503);
}

TEST_F(StreamTest, AnErrorInTheMiddleBreaksTheConnectionOff) {
  AddStream([](Response& r) {
    r.stream = std::make_unique<Pieces>(1, 10, absl::UnavailableError("away"), nullptr);
    r.stream_length = 20;
  });
  RawClient client(port());
  EXPECT_EQ(client.Ask(kGet).status, 0) << "incomplete, and the client can tell";
}

TEST_F(StreamTest, ASourceThatIsTooShortIsNotPassedOffAsWhole) {
  AddStream([](Response& r) {
    r.stream = std::make_unique<Pieces>(1, 10, absl::OkStatus(), nullptr);
    r.stream_length = 20;
  });
  RawClient client(port());
  EXPECT_EQ(client.Ask(kGet).status, 0);
}

TEST_F(StreamTest, ASlowReaderHoldsTheSourceBackAndIsDroppedInTheEnd) {
  std::atomic<int> given = 0;
  options_.write_idle_timeout = absl::Milliseconds(200);
  AddStream([&given](Response& r) {
    r.stream = std::make_unique<Pieces>(4096, 64 << 10, absl::OkStatus(), &given);
  });
  RawClient client(port(), /*receive_buffer=*/4096);
  client.Send(kGet);
  // Nothing is read: the server notices, gives up, and closes long before the 256 MiB are through.
  while (metrics_.GetGauge("stockroom_http_connections", "").value() > 0 || given == 0) {
    std::this_thread::yield();
  }
  EXPECT_LT(given, 1000);
}

TEST(RunOn, AFullQueueIsAnAnswerAndNotAHang) {
  Metrics metrics;
  Executor executor({.name = "x", .threads = 1, .max_queued = 1}, metrics);
  executor.Shutdown();
  Router router;
  ASSERT_TRUE(router
                  .Add("GET", "/", {},
                       [&executor](Request&) -> Task<Response> {
                         auto work = []() -> absl::StatusOr<int> { return 1; };
                         const absl::StatusOr<int> result = co_await RunOn<int>(executor, work);
                         co_return ProblemResponse(result.status(), "");
                       })
                  .ok());
  ServerOptions options;
  options.listen = "127.0.0.1:0";
  auto server = Server::Start(options, std::move(router), metrics);
  ASSERT_TRUE(server.ok());
  RawClient client((*server)->port());
  EXPECT_EQ(client.Ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n").status, 503);
}

TEST_F(ServerTest, OptionsSayWhichMethodsThereAre) {
  AddCounting(10);
  Start();
  RawClient client(port());
  const RawResponse answer = client.Ask("OPTIONS /count HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(answer.status, 204);
  EXPECT_EQ(answer.Header("Allow"), "POST, OPTIONS");
  EXPECT_EQ(answer.Header("Access-Control-Allow-Origin"), "");
  EXPECT_EQ(client.Ask("OPTIONS /none HTTP/1.1\r\nHost: a\r\n\r\n").status, 404);
}

TEST_F(ServerTest, PagesOfAllowedOriginsMayAskAndReadTheAnswer) {
  options_.cors.origins = {"https://photos.example"};
  AddCounting(10);
  Start();
  RawClient client(port());
  const auto preflight = [&](const std::string& origin) {
    return client.Ask("OPTIONS /count HTTP/1.1\r\nHost: a\r\nOrigin: " + origin +
                      "\r\nAccess-Control-Request-Method: POST\r\n"
                      "Access-Control-Request-Headers: idempotency-key\r\n\r\n");
  };
  const RawResponse allowed = preflight("https://photos.example");
  EXPECT_EQ(allowed.status, 204);
  EXPECT_EQ(allowed.Header("Access-Control-Allow-Origin"), "https://photos.example");
  EXPECT_EQ(allowed.Header("Access-Control-Allow-Methods"), "POST");
  EXPECT_EQ(allowed.Header("Access-Control-Allow-Headers"), "idempotency-key");
  EXPECT_EQ(allowed.Header("Vary"), "Origin");
  const RawResponse stranger = preflight("https://photos.example.evil");
  EXPECT_EQ(stranger.Header("Access-Control-Allow-Origin"), "");
  EXPECT_EQ(stranger.Header("Access-Control-Allow-Methods"), "");
  const RawResponse post = client.Ask(
      "POST /count HTTP/1.1\r\nHost: a\r\nOrigin: https://photos.example\r\n"
      "Content-Length: 2\r\n\r\nhi");
  EXPECT_EQ(post.status, 200);
  EXPECT_EQ(post.Header("Access-Control-Allow-Origin"), "https://photos.example");
  const RawResponse error =
      client.Ask("GET /none HTTP/1.1\r\nHost: a\r\nOrigin: https://photos.example\r\n\r\n");
  EXPECT_EQ(error.status, 404);
  EXPECT_EQ(error.Header("Access-Control-Allow-Origin"), "https://photos.example")
      << "a page must be able to read what went wrong";
}

}  // namespace
}  // namespace stockroom::http
