// Answers at hand behind the gate: the same decisions, and each request is counted once.
#include "services/api/gateway/guard.h"
#include "tests/unit/gateway/gateway_fixture.h"

namespace stockroom::api {
namespace {

class GuardedTryTest : public ::testing::Test {
 protected:
  void Start() {
    limiter_.emplace(rate_, metrics_);
    gate_.emplace(authenticator_, *limiter_, metrics_);
    http::Router router;
    const auto wait = [](const Principal& who,
                         http::Request&) -> http::Task<absl::StatusOr<http::Response>> {
      co_return http::Response::Text(200, "text/plain", "waited for " + who.subject);
    };
    const auto attempt =
        [](const Principal& who,
           const http::Request& request) -> std::optional<absl::StatusOr<http::Response>> {
      if (request.Captured("file") == "cold") return std::nullopt;
      if (request.Captured("file") == "gone") return NotFound("GONE", "no such picture");
      return http::Response::Text(200, "text/plain", "at hand for " + who.subject);
    };
    ASSERT_TRUE(router
                    .Add("GET", "/{file}", {}, Guarded(*gate_, Scope::kRead, origins_, wait),
                         GuardedTry(*gate_, Scope::kRead, origins_, attempt))
                    .ok());
    auto started = http::Server::Start({.listen = "127.0.0.1:0"}, std::move(router), metrics_);
    ASSERT_TRUE(started.ok()) << started.status();
    server_ = *std::move(started);
  }
  RawResponse Get(const std::string& path, const std::string& fields = "",
                  const std::string& host = "a") {
    RawClient client(server_->port());
    return client.Ask("GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\n" + fields + "\r\n");
  }

  Metrics metrics_;
  FakeAuthenticator authenticator_;
  RateLimiter::Options rate_;
  OriginRules origins_;
  std::optional<RateLimiter> limiter_;
  std::optional<Gate> gate_;
  std::unique_ptr<http::Server> server_;
};

TEST_F(GuardedTryTest, TheAuthenticatorDecidesAlsoAboutAnswersAtHand) {
  authenticator_.known["good"] = {.subject = "ann", .anonymous = false, .scopes = Scope::kRead};
  authenticator_.known["none"] = {.subject = "eve", .anonymous = false, .scopes = {}};
  Start();
  EXPECT_EQ(Get("/hot", "X-API-Key: good\r\n").body, "at hand for ann");
  EXPECT_EQ(Get("/cold", "X-API-Key: good\r\n").body, "waited for ann");
  EXPECT_EQ(Get("/gone", "X-API-Key: good\r\n").status, 404);
  for (const char* path : {"/hot", "/cold", "/gone"}) {
    EXPECT_EQ(Get(path).status, 401);
    EXPECT_EQ(Get(path, "X-API-Key: bad\r\n").status, 401);
    EXPECT_EQ(Get(path, "X-API-Key: none\r\n").status, 403);
  }
}

TEST_F(GuardedTryTest, WhoMustBeWaitedForIsLeftToTheHandler) {
  authenticator_.known["good"] = {.subject = "ann", .anonymous = false, .scopes = Scope::kRead};
  authenticator_.waits = true;
  Start();
  EXPECT_EQ(Get("/hot", "X-API-Key: good\r\n").body, "waited for ann");
  EXPECT_EQ(Get("/hot", "X-API-Key: bad\r\n").status, 401);
}

TEST_F(GuardedTryTest, CountsARequestOnceWhoeverAnswersIt) {
  authenticator_.known["good"] = {.subject = "ann", .anonymous = false, .scopes = Scope::kRead};
  rate_ = {.per_second = 0.001, .burst = 3};
  Start();
  EXPECT_EQ(Get("/hot", "X-API-Key: good\r\n").Header("RateLimit-Remaining"), "2");
  EXPECT_EQ(Get("/cold", "X-API-Key: good\r\n").Header("RateLimit-Remaining"), "1");
  EXPECT_EQ(Get("/gone", "X-API-Key: good\r\n").Header("RateLimit-Remaining"), "0");
  const RawResponse limited = Get("/hot", "X-API-Key: good\r\n");
  EXPECT_EQ(limited.status, 429);
  EXPECT_FALSE(limited.Header("Retry-After").empty());
}

TEST_F(GuardedTryTest, OnLoopbackItIsCalledByLoopbacksNamesOnly) {
  origins_.loopback_only = true;
  Start();
  EXPECT_EQ(Get("/hot", "", "localhost").status, 200);
  EXPECT_EQ(Get("/hot", "", "evil.example").status, 403);
}

}  // namespace
}  // namespace stockroom::api
