#include "services/common/s3/curl_transport.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <thread>

#include "services/common/base/status.h"
#include "services/common/s3/client.h"
#include "tests/unit/s3/scripted_server.h"

namespace stockroom::s3 {
namespace {

using Deed = ScriptedServer::Deed;

class CurlTransportTest : public ::testing::Test {
 protected:
  absl::StatusOr<HttpResponse> Get(const ScriptedServer& server, HttpRequest request = {}) {
    request.method = "GET";
    request.url = server.origin() + "/bucket/key";
    return transport_->Send(request);
  }
  std::unique_ptr<CurlTransport> Make(CurlTransport::Options options = {}) {
    return CurlTransport::Create(options, metrics_).value();
  }
  std::unique_ptr<Client> MakeClient(const ScriptedServer& server) {
    return std::make_unique<Client>(
        Client::Options{
            .address = Address::Parse(server.origin() + "/bucket", Style::kAuto, false).value(),
            .sleep = [](absl::Duration) {}},
        *transport_, *credentials_, metrics_);
  }

  Metrics metrics_;
  const std::unique_ptr<CurlTransport> transport_ = Make();
  const std::unique_ptr<CredentialSource> credentials_ =
      CredentialSource::Fixed({.access_key = "key", .secret_key = "secret", .session_token = ""});
};

TEST_F(CurlTransportTest, KeepsItsConnectionAndTellsHeadAndBody) {
  ScriptedServer server([](int, const std::string&) {
    return Deed{.bytes = ScriptedServer::Answer("200 OK", "hello", "X-Thing:  a b \r\n")};
  });
  for (int i = 0; i < 3; ++i) {
    const absl::StatusOr<HttpResponse> answer = Get(server);
    ASSERT_TRUE(answer.ok()) << answer.status();
    EXPECT_EQ(answer->status, 200);
    EXPECT_EQ(answer->body, "hello");
    EXPECT_EQ(answer->Header("x-thing"), "a b");
  }
  EXPECT_EQ(server.connections(), 1);
  ASSERT_TRUE(Get(server, {.once = true}).ok());
  EXPECT_EQ(server.connections(), 2) << "what must not be sent twice goes over a fresh one";
}

TEST_F(CurlTransportTest, NoticesABodyOfAnotherLengthThanAnnounced) {
  ScriptedServer server([](int, const std::string&) {
    return Deed{.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", .close = true};
  });
  const absl::Status status = Get(server).status();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_EQ(DetailsOf(status).reason, "S3_BROKEN_OFF");
}

TEST_F(CurlTransportTest, ReadsNoMoreThanIsWanted) {
  ScriptedServer server([](int, const std::string&) {
    return Deed{.bytes = ScriptedServer::Answer("200 OK", std::string(1000, 'x'))};
  });
  const absl::Status status = Get(server, {.max_response_bytes = 999}).status();
  EXPECT_TRUE(absl::IsOutOfRange(status)) << status;
  ScriptedServer flood([](int, const std::string&) {
    std::string head = "HTTP/1.1 200 OK\r\n";
    for (int i = 0; i < 10'000; ++i) head += "X-Fill: 0123456789abcdef\r\n";
    return Deed{.bytes = head + "\r\n", .close = true};
  });
  EXPECT_TRUE(absl::IsUnavailable(Get(flood).status()));
}

TEST_F(CurlTransportTest, GivesUpOnAServerThatSaysNothing) {
  ScriptedServer server([](int, const std::string&) { return Deed{}; });
  const absl::Status silent = Get(server, {.timeout = absl::Milliseconds(200)}).status();
  EXPECT_EQ(DetailsOf(silent).reason, "S3_TIMEOUT") << silent;
  ScriptedServer slow([](int, const std::string&) {
    return Deed{.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n1"};
  });
  const absl::Status trickle = Get(slow, {.timeout = absl::Milliseconds(200)}).status();
  EXPECT_EQ(DetailsOf(trickle).reason, "S3_TIMEOUT") << trickle;
}

TEST_F(CurlTransportTest, WaitsForAnAnswerThatMayTakeLongPastTheStall) {
  const auto hasty = Make({.stall_timeout = absl::Seconds(1)});
  ScriptedServer server([](int number, const std::string&) {
    if (number == 0) return Deed{};
    // Nothing else tells when a second without a byte has passed.
    std::this_thread::sleep_for(std::chrono::seconds(4));
    return Deed{.bytes = ScriptedServer::Answer("200 OK")};
  });
  HttpRequest request{
      .method = "GET", .url = server.origin() + "/x", .headers = {}, .timeout = absl::Seconds(60)};
  EXPECT_EQ(DetailsOf(hasty->Send(request).status()).reason, "S3_TIMEOUT");
  request.patient = true;
  const absl::StatusOr<HttpResponse> response = hasty->Send(request);
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->status, 200);
}

TEST_F(CurlTransportTest, SaysWhenNobodyListens) {
  std::string origin;
  {
    ScriptedServer gone([](int, const std::string&) { return Deed{}; });
    origin = gone.origin();
  }
  const absl::Status status =
      transport_->Send({.method = "GET", .url = origin + "/x", .headers = {}}).status();
  EXPECT_EQ(DetailsOf(status).reason, "S3_UNREACHABLE") << status;
}

TEST_F(CurlTransportTest, FollowsNoRedirectAndUsesNoProxy) {
  ScriptedServer other(
      [](int, const std::string&) { return Deed{.bytes = ScriptedServer::Answer("200 OK")}; });
  ScriptedServer server([&](int, const std::string&) {
    return Deed{.bytes = ScriptedServer::Answer("307 Temporary Redirect", "",
                                                "Location: " + other.origin() + "/\r\n")};
  });
  for (const char* name : {"http_proxy", "all_proxy", "ALL_PROXY"}) {
    ::setenv(name, other.origin().c_str(), 1);
  }
  EXPECT_EQ(Get(server)->status, 307);
  const absl::Status status = MakeClient(server)->CheckBucket();
  for (const char* name : {"http_proxy", "all_proxy", "ALL_PROXY"}) ::unsetenv(name);
  EXPECT_EQ(DetailsOf(status).reason, "S3_WRONG_REGION") << status;
  EXPECT_EQ(other.requests(), 0);
}

TEST_F(CurlTransportTest, SendsAnUploadAnewThatWasBrokenOffInTheMiddle) {
  ScriptedServer server([](int number, const std::string&) {
    if (number == 0) return Deed{.reset = true, .read_at_most = 100'000};
    if (number == 1) return Deed{.bytes = ScriptedServer::Answer("503 Slow Down"), .close = true};
    return Deed{.bytes = ScriptedServer::Answer("200 OK", "", "ETag: \"e\"\r\n")};
  });
  const std::string bytes(3 << 20, 'x');
  const absl::StatusOr<PutResult> put =
      MakeClient(server)->Put("key", TextBody(bytes), {.metadata = {}, .md5 = {}});
  ASSERT_TRUE(put.ok()) << put.status();
  EXPECT_EQ(put->etag, "e");
  EXPECT_EQ(server.body_bytes(), bytes.size());
  EXPECT_EQ(server.requests(), 3);
}

TEST_F(CurlTransportTest, HearsARefusalThatComesBeforeTheBodyIsSent) {
  ScriptedServer server([](int, const std::string&) {
    return Deed{.bytes = ScriptedServer::Answer("403 Forbidden",
                                                "<Error><Code>InvalidAccessKeyId</Code></Error>"),
                .close = true,
                .read_at_most = 0};
  });
  const std::string bytes(200'000, 'x');
  const absl::Status status =
      MakeClient(server)->Put("key", TextBody(bytes), {.metadata = {}, .md5 = {}}).status();
  // Whether the answer or the reset comes first is the network's choice; it is never a success.
  EXPECT_TRUE(DetailsOf(status).reason == "S3_CREDENTIALS" || absl::IsUnavailable(status))
      << status;
}

TEST_F(CurlTransportTest, WaitsForAConnectionNoLongerThanForTheRequest) {
  const auto one = Make({.max_connections = 1});
  ScriptedServer server([](int, const std::string&) { return Deed{}; });
  const HttpRequest request{.method = "GET",
                            .url = server.origin() + "/x",
                            .headers = {},
                            .timeout = absl::Milliseconds(400)};
  std::thread first([&] { EXPECT_FALSE(one->Send(request).ok()); });
  while (server.requests() == 0) std::this_thread::yield();
  HttpRequest hasty = request;
  hasty.timeout = absl::Milliseconds(50);
  const absl::Status busy = one->Send(hasty).status();
  EXPECT_TRUE(absl::IsResourceExhausted(busy)) << busy;
  first.join();
}

TEST_F(CurlTransportTest, StartsWithNoAuthoritiesThatCanNotBeRead) {
  EXPECT_TRUE(absl::IsFailedPrecondition(
      CurlTransport::Create({.ca_file = "/nowhere.pem"}, metrics_).status()));
}

}  // namespace
}  // namespace stockroom::s3
