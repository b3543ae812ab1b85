// Keys from a URL: what is asked, what is taken, and what hostile answers do.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>

#include "services/api/auth/jwt_verifier.h"
#include "services/api/auth/key_source.h"
#include "services/common/base/status.h"
#include "services/common/http/server.h"
#include "tests/support/jws_signer.h"
#include "tests/unit/auth/tls_server.h"

namespace stockroom::api {
namespace {

using test::JwsSigner;
using test::TlsServer;
using ::testing::HasSubstr;
using ::testing::SizeIs;

const auto kNeverStop = [] { return false; };

class KeyUrlTest : public ::testing::Test {
 protected:
  KeyUrlTest() {
    http::Router router;
    http::RouteOptions route;
    EXPECT_TRUE(router
                    .AddPlain("GET", "/keys", route,
                              [this](http::Request& request) {
                                MutexLock lock(mu_);
                                ++requests_;
                                accept_ = request.headers.Get("Accept");
                                http::Response answer = http::Response::Text(
                                    status_, "application/jwk-set+json", body_);
                                for (const auto& [name, value] : headers_) {
                                  answer.headers.Add(name, value);
                                }
                                return answer;
                              })
                    .ok());
    server_ = http::Server::Start({.listen = "127.0.0.1:0"}, std::move(router), metrics_).value();
    url_ = "http://127.0.0.1:" + std::to_string(server_->port()) + "/keys";
  }
  void Answer(int status, const std::string& body,
              std::vector<std::pair<std::string, std::string>> headers = {}) {
    MutexLock lock(mu_);
    status_ = status;
    body_ = body;
    headers_ = std::move(headers);
  }
  int requests() {
    MutexLock lock(mu_);
    return requests_;
  }
  absl::StatusOr<FetchedKeys> Look(const JwkSetPtr& last = nullptr) {
    if (!fetch_) fetch_ = FetchFromUrl(url_, options_).value();
    return fetch_(last, kNeverStop);
  }
  std::string ProblemOf(const absl::StatusOr<FetchedKeys>& found) {
    return std::string(found.status().message());
  }

  JwksUrlOptions options_;
  const JwsSigner signer_ = JwsSigner::Generate("EdDSA");
  Metrics metrics_;
  Mutex mu_;
  int status_ SR_GUARDED_BY(mu_) = 200;
  std::string body_ SR_GUARDED_BY(mu_);
  std::vector<std::pair<std::string, std::string>> headers_ SR_GUARDED_BY(mu_);
  std::string accept_ SR_GUARDED_BY(mu_);
  int requests_ SR_GUARDED_BY(mu_) = 0;
  std::string url_;
  JwksSource::Fetch fetch_;
  std::unique_ptr<http::Server> server_;  // last: its handlers use the others
};

TEST_F(KeyUrlTest, KeysComeWithTheTimeThatTheyAreFresh) {
  Answer(200, signer_.JwkSet(), {{"Cache-Control", "public, max-age=300"}, {"Age", "100"}});
  const auto found = Look();
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_THAT(found->keys->keys(), SizeIs(1));
  EXPECT_EQ(found->fresh_for, absl::Seconds(200));
  MutexLock lock(mu_);
  EXPECT_THAT(accept_, HasSubstr("application/jwk-set+json"));
}

TEST_F(KeyUrlTest, TheSameAnswerIsTheSameKeys) {
  Answer(200, signer_.JwkSet());
  const auto first = Look();
  EXPECT_EQ(Look(first->keys)->keys, first->keys);
  Answer(200, JwsSigner::Generate("EdDSA").JwkSet());
  EXPECT_NE(Look(first->keys)->keys, first->keys);
}

TEST_F(KeyUrlTest, AnswersThatAreNoKeysAreRefused) {
  Answer(404, signer_.JwkSet());
  EXPECT_EQ(ProblemOf(Look()), "the answer is HTTP 404");
  Answer(500, signer_.JwkSet());
  EXPECT_EQ(ProblemOf(Look()), "the answer is HTTP 500");
  Answer(200, "<html>Log in</html>");
  EXPECT_THAT(ProblemOf(Look()), HasSubstr("is not JSON"));
  Answer(200, "");
  EXPECT_FALSE(Look().ok());
  Answer(200, std::string(2 << 20, ' '));
  EXPECT_THAT(ProblemOf(Look()), HasSubstr("the answer is over 1048576 bytes"));
  Answer(200, signer_.JwkSet());
  EXPECT_TRUE(Look().ok());
}

TEST_F(KeyUrlTest, RedirectsAreNotFollowed) {
  Answer(302, "", {{"Location", url_}});
  EXPECT_EQ(ProblemOf(Look()), "the answer is HTTP 302");
  EXPECT_EQ(requests(), 1);
}

TEST_F(KeyUrlTest, SecretsAreNotTakenFromTheNetwork) {
  Answer(200, JwsSigner::Hmac("HS256", std::string(32, 's')).JwkSet());
  EXPECT_THAT(ProblemOf(Look()), HasSubstr("secrets are not taken from here"));
}

TEST_F(KeyUrlTest, NobodyAnswering) {
  server_.reset();
  EXPECT_EQ(DetailsOf(Look().status()).reason, "NO_ANSWER");
}

TEST_F(KeyUrlTest, ALookThatIsToldToStopEnds) {
  // Accepts connections and never answers.
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  ASSERT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&address), length), 0);
  ASSERT_EQ(::listen(listener, 8), 0);
  ASSERT_EQ(::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length), 0);
  const std::string url = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/keys";

  options_.timeout = absl::Hours(1);
  EXPECT_FALSE((*FetchFromUrl(url, options_))(nullptr, [] { return true; }).ok());
  options_.timeout = absl::Milliseconds(50);
  EXPECT_FALSE((*FetchFromUrl(url, options_))(nullptr, kNeverStop).ok());
  ::close(listener);
}

TEST_F(KeyUrlTest, OnlyUrlsThatNobodyCanListenInOnAreTaken) {
  const auto reason = [&](const std::string& url) {
    return DetailsOf(FetchFromUrl(url, options_).status()).reason;
  };
  for (const char* good :
       {"https://issuer.example/keys", "HTTPS://issuer.example/keys?x=1", "http://localhost:1/keys",
        "http://127.0.0.1/keys", "http://127.9.9.9/keys", "http://[::1]:8080/keys"}) {
    EXPECT_EQ(reason(good), "") << good;
  }
  for (const char* bad :
       {"", "keys.json", "/etc/keys.json", "file:///etc/keys.json", "ftp://issuer.example/keys",
        "http://issuer.example/keys", "http://10.0.0.1/keys", "http://128.0.0.1/keys",
        "http://localhost.issuer.example/keys", "http://127.0.0.1.issuer.example/keys",
        "https://name:password@issuer.example/keys", "https://name@issuer.example/keys",
        "http://localhost@issuer.example/keys", "https://issuer.example/keys#x", "https://",
        "http://[::2]/keys"}) {
    EXPECT_EQ(reason(bad), "BAD_JWKS_URL") << bad;
  }
}

TEST_F(KeyUrlTest, FreshnessIsWhatTheAnswerSaysWithinLimits) {
  const auto seconds = [&](const char* cache_control, const char* age = "") {
    return absl::ToInt64Seconds(FreshFor(cache_control, age, options_));
  };
  EXPECT_EQ(seconds(""), 600);
  EXPECT_EQ(seconds("public"), 600);
  EXPECT_EQ(seconds("max-age=120"), 120);
  EXPECT_EQ(seconds("public ,  MAX-AGE=120,must-revalidate"), 120);
  EXPECT_EQ(seconds("max-age=120", "30"), 90);
  EXPECT_EQ(seconds("max-age=120", "-30"), 120);
  EXPECT_EQ(seconds("max-age=120", "500"), 60);
  EXPECT_EQ(seconds("max-age=0"), 60);
  EXPECT_EQ(seconds("max-age=4294967295"), 86400);
  EXPECT_EQ(seconds("max-age=99999999999999999999"), 600);
  EXPECT_EQ(seconds("max-age=-1"), 600);
  EXPECT_EQ(seconds("max-age=x"), 600);
  EXPECT_EQ(seconds("no-store"), 60);
  EXPECT_EQ(seconds("no-cache, max-age=3600"), 60);
}

TEST_F(KeyUrlTest, OnlyAServerThatIsTrustedGivesKeys) {
  const JwsSigner tls = JwsSigner::Generate("ES256");
  const std::string certificate = tls.CertificatePem();
  const TlsServer server(certificate, tls.PrivatePem(), signer_.JwkSet());
  url_ = "https://127.0.0.1:" + std::to_string(server.port()) + "/keys";
  EXPECT_EQ(DetailsOf(Look().status()).reason, "NO_ANSWER");

  std::string path = (std::filesystem::temp_directory_path() / "ca-XXXXXX").string();
  ::close(mkstemp(path.data()));
  std::ofstream(path) << certificate;
  options_.ca_file = path;
  const auto trusted = (*FetchFromUrl(url_, options_))(nullptr, kNeverStop);
  EXPECT_TRUE(trusted.ok()) << trusted.status();
  // The certificate is for 127.0.0.1 only.
  const auto other = (*FetchFromUrl("https://localhost:" + std::to_string(server.port()) + "/keys",
                                    options_))(nullptr, kNeverStop);
  EXPECT_EQ(DetailsOf(other.status()).reason, "NO_ANSWER");
  std::filesystem::remove(path);
}

TEST_F(KeyUrlTest, AVerifierLivesThroughARotationAndAnOutage) {
  JwsSigner next = JwsSigner::Generate("ES256");
  next.set_kid("key-2");
  Answer(200, signer_.JwkSet());
  FakeClock clock(absl::FromUnixSeconds(1'700'000'000));
  auto verifier = JwtVerifier::Create(
      {.policy = {.issuers = {"me"}, .audiences = {"us"}}, .clock = &clock},
      std::make_unique<JwksSource>("url", FetchFromUrl(url_, options_).value(),
                                   JwksSourceOptions{.clock = &clock}, metrics_),
      metrics_);
  ASSERT_TRUE(verifier.ok());
  const auto verify = [&](const JwsSigner& signer) {
    std::promise<absl::Status> promise;
    (*verifier)->Verify(
        signer.Sign(R"({"iss":"me","aud":"us","sub":"alice","exp":1700100000})"),
        [&](absl::StatusOr<JwtClaims> claims) { promise.set_value(claims.status()); });
    return promise.get_future().get();
  };
  EXPECT_TRUE(verify(signer_).ok());
  // The issuer rotates: the first token of the new key fetches it.
  Answer(200, "{\"keys\":[" + signer_.Jwk() + "," + next.Jwk() + "]}");
  clock.Advance(absl::Seconds(30));
  EXPECT_TRUE(verify(next).ok());
  // A flood of made-up keys does not reach the issuer.
  JwsSigner bogus = JwsSigner::Generate("ES256");
  bogus.set_kid("bogus");
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(verify(bogus).ok());
  EXPECT_EQ(requests(), 2);
  // The issuer is down for half a day.
  server_.reset();
  clock.Advance(absl::Hours(12));
  EXPECT_TRUE(verify(signer_).ok());
  EXPECT_TRUE(verify(next).ok());
}

}  // namespace
}  // namespace stockroom::api
