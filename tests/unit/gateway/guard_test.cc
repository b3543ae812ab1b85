// Who is let in by the gateway.
#include "tests/unit/gateway/gateway_fixture.h"

namespace stockroom::api {
namespace {

TEST_F(GatewayTest, TheAuthenticatorDecidesWhoAsks) {
  const Principal ann{.subject = "ann", .anonymous = false, .scopes = ScopesOf(Role::kUploader)};
  authenticator_.known["good"] = ann;
  Start();
  const RawResponse stranger = Ask("GET /v1/search");
  EXPECT_EQ(stranger.status, 401);
  EXPECT_EQ(stranger.Header("WWW-Authenticate"), "Bearer realm=\"stockroom\"");
  const RawResponse guess = Ask("GET /v1/search", "Authorization: Bearer bad\r\n");
  EXPECT_EQ(guess.status, 401);
  EXPECT_THAT(guess.Header("WWW-Authenticate"), HasSubstr("invalid_token"));
  EXPECT_EQ(Ask("GET /v1/search", "Authorization: Basic good\r\n").status, 401);
  EXPECT_EQ(Ask("POST /images", "", "x").status, 401);
  EXPECT_EQ(uploads_.begun, 0);
  EXPECT_EQ(Ask("GET /v1/search", "Authorization: bearer good\r\n").status, 200);
  EXPECT_EQ(subject_, "ann");
  EXPECT_EQ(Ask("GET /v1/search", "X-API-Key: good\r\n").status, 200);
  EXPECT_EQ(Ask("GET /v1/search", "X-API-Key: good\r\nX-API-Key: good\r\n").status, 401);
}

TEST_F(GatewayTest, AnswersAlikeWhenTheAuthenticatorHasToWait) {
  authenticator_.known["good"] = {
      .subject = "ann", .anonymous = false, .scopes = ScopesOf(Role::kUploader)};
  authenticator_.waits = true;
  Start();
  EXPECT_EQ(Ask("GET /v1/search", "X-API-Key: good\r\n").status, 200);
  EXPECT_EQ(subject_, "ann");
  EXPECT_EQ(Ask("GET /v1/search", "X-API-Key: bad\r\n").status, 401);
}

TEST_F(GatewayTest, RefusesACallThatNeedsAnotherScope) {
  authenticator_.known["viewer"] = {.subject = "eve", .anonymous = false, .scopes = Scope::kRead};
  Start();
  EXPECT_EQ(Ask("GET /v1/search", "X-API-Key: viewer\r\n").status, 200);
  const RawResponse refused = Ask("POST /images", "X-API-Key: viewer\r\n", "x");
  EXPECT_EQ(refused.status, 403);
  EXPECT_THAT(refused.body, HasSubstr(R"("reason":"SCOPE_MISSING")"));
  EXPECT_THAT(refused.body, HasSubstr(R"("scope":"images:write")"));
  EXPECT_EQ(uploads_.begun, 0);
}

TEST_F(GatewayTest, LimitsTheRequestsOfEachCaller) {
  authenticator_.known["ann"] = {
      .subject = "ann", .anonymous = false, .scopes = ScopesOf(Role::kUploader)};
  authenticator_.known["ben"] = {
      .subject = "ben", .anonymous = false, .scopes = ScopesOf(Role::kUploader)};
  rate_ = {.per_second = 0.001, .burst = 2};
  Start();
  EXPECT_EQ(Ask("GET /v1/search", "X-API-Key: ann\r\n").Header("RateLimit-Remaining"), "1");
  EXPECT_EQ(Ask("GET /v1/search", "X-API-Key: ann\r\n").Header("RateLimit-Remaining"), "0");
  const RawResponse limited = Ask("GET /v1/search", "X-API-Key: ann\r\n");
  EXPECT_EQ(limited.status, 429);
  EXPECT_EQ(limited.Header("RateLimit-Limit"), "2");
  EXPECT_EQ(limited.Header("RateLimit-Remaining"), "0");
  EXPECT_FALSE(limited.Header("Retry-After").empty());
  EXPECT_THAT(limited.body, HasSubstr("RATE_LIMITED"));
  EXPECT_EQ(Ask("GET /v1/search", "X-API-Key: ben\r\n").status, 200);
}

TEST_F(GatewayTest, PagesOfOtherOriginsMayNotWriteWhereNobodyLogsIn) {
  options_.origins.trusted = {"https://photos.example"};
  Start();
  EXPECT_EQ(Ask("POST /images", "Origin: https://evil.example\r\n", "x").status, 403);
  EXPECT_EQ(Ask("POST /images", "Origin: null\r\n", "x").status, 403);
  EXPECT_EQ(uploads_.begun, 0);
  EXPECT_EQ(Ask("POST /images", "Origin: https://photos.example\r\n", "x").status, 202);
  // The client of these tests says Host: a.
  EXPECT_EQ(Ask("POST /images", "Origin: http://a\r\n", "x").status, 202);
  EXPECT_EQ(Ask("GET /v1/search", "Origin: https://evil.example\r\n").status, 200);
}

TEST_F(GatewayTest, OnLoopbackItIsCalledByLoopbacksNamesOnly) {
  options_.origins = {
      .trusted = {"https://photos.example"}, .loopback_only = true, .hosts = {"nas"}};
  authenticator_.known["good"] = {
      .subject = "ann", .anonymous = false, .scopes = ScopesOf(Role::kUploader)};
  authenticator_.strangers = ScopesOf(Role::kUploader);
  Start();
  const auto get = [&](const std::string& host, const std::string& more = "") {
    return RawClient(server_->port())
        .Ask("GET /v1/search HTTP/1.1\r\nHost: " + host + "\r\n" + more + "\r\n")
        .status;
  };
  for (const char* host : {"localhost", "localhost:8080", "127.0.0.1:8080", "127.0.0.1", "[::1]:80",
                           "[::1]", "nas", "nas:8080", "photos.example"}) {
    EXPECT_EQ(get(host), 200) << host;
  }
  for (const char* host : {"evil.example", "evil.example:8080", "127.0.0.1.evil.example",
                           "localhost.evil.example:80", "10.0.0.1"}) {
    EXPECT_EQ(get(host), 403) << host;
  }
  EXPECT_EQ(get("evil.example", "X-API-Key: good\r\n"), 200);
}

TEST_F(GatewayTest, SharedCachesKeepNoPictureThatNeededAKey) {
  authenticator_.known["good"] = {
      .subject = "ann", .anonymous = false, .scopes = ScopesOf(Role::kViewer)};
  Start();
  EXPECT_THAT(Ask("GET /i/i1/thumb-320.jpg", "X-API-Key: good\r\n").Header("Cache-Control"),
              testing::StartsWith("private, max-age="));
}

}  // namespace
}  // namespace stockroom::api
