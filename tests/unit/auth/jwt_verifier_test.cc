#include "services/api/auth/jwt_verifier.h"

#include <gtest/gtest.h>

#include <future>
#include <nlohmann/json.hpp>

#include "services/api/auth/jw_refusal.h"
#include "services/common/base/status.h"
#include "tests/support/jws_signer.h"
#include "tests/unit/auth/scripted_origin.h"

namespace stockroom::api {
namespace {

using test::JwsSigner;
using Claims = absl::StatusOr<JwtClaims>;

class JwtVerifierTest : public ::testing::Test {
 protected:
  JwtVerifierTest() { new_.set_kid("key-2"); }
  void Start(size_t cache_entries = 10) {
    JwtVerifierOptions options{.policy = {.issuers = {"me"}, .audiences = {"stockroom"}},
                               .cache_entries = cache_entries,
                               .clock = &clock_};
    auto verifier = JwtVerifier::Create(
        std::move(options),
        std::make_unique<JwksSource>("test", origin_.fetch(), JwksSourceOptions{.clock = &clock_},
                                     metrics_),
        metrics_);
    ASSERT_TRUE(verifier.ok()) << verifier.status();
    verifier_ = *std::move(verifier);
  }
  std::string Token(const JwsSigner& signer, const std::string& subject, int seconds = 600) {
    const int64_t now = absl::ToUnixSeconds(clock_.Now());
    return signer.Sign(
        nlohmann::json(
            {{"iss", "me"}, {"aud", "stockroom"}, {"sub", subject}, {"exp", now + seconds}})
            .dump());
  }
  std::future<Claims> Verify(const std::string& token) {
    auto promise = std::make_shared<std::promise<Claims>>();
    verifier_->Verify(token, [promise](Claims claims) { promise->set_value(std::move(claims)); });
    return promise->get_future();
  }
  std::string RefusedFor(const std::string& token) {
    return RefusalDetail(Verify(token).get().status());
  }
  uint64_t hits() { return metrics_.GetCounter("stockroom_jwt_cache_hits_total", "").value(); }

  FakeClock clock_{absl::FromUnixSeconds(1'700'000'000)};
  Metrics metrics_;
  ScriptedOrigin origin_{clock_};
  JwsSigner old_ = JwsSigner::Generate("EdDSA");
  JwsSigner new_ = JwsSigner::Generate("ES256");
  std::unique_ptr<JwtVerifier> verifier_;  // last: it uses the others
};

TEST_F(JwtVerifierTest, TokensAreVerifiedOnceTheKeysAreThere) {
  origin_.Hold();
  origin_.Answer(KeysFrom(old_.JwkSet()));
  Start();
  std::future<Claims> good = Verify(Token(old_, "alice"));
  std::future<Claims> bad = Verify("x.y.z");
  EXPECT_EQ(good.wait_for(std::chrono::seconds(0)), std::future_status::timeout);
  origin_.Release();
  const Claims claims = good.get();
  ASSERT_TRUE(claims.ok()) << claims.status();
  EXPECT_EQ(claims->subject(), "alice");
  EXPECT_EQ(RefusalDetail(bad.get().status()), "MALFORMED");
}

TEST_F(JwtVerifierTest, WithoutKeysNobodyIsCalledAStranger) {
  Start();
  EXPECT_TRUE(absl::IsUnavailable(Verify(Token(old_, "alice")).get().status()));
}

TEST_F(JwtVerifierTest, AKeyThatIsNewIsFetched) {
  origin_.Answer(KeysFrom(old_.JwkSet()));
  Start();
  EXPECT_EQ(RefusedFor(Token(old_, "alice")), "");
  clock_.Advance(absl::Minutes(1));
  origin_.Answer(KeysFrom("{\"keys\":[" + old_.Jwk() + "," + new_.Jwk() + "]}"));
  EXPECT_EQ(RefusedFor(Token(new_, "bob")), "");
  EXPECT_EQ(RefusedFor(Token(old_, "alice")), "");
}

TEST_F(JwtVerifierTest, AKeyThatNobodyKnowsIsRefused) {
  origin_.Answer(KeysFrom(old_.JwkSet()));
  Start();
  EXPECT_EQ(RefusedFor(Token(new_, "bob")), "UNKNOWN_KEY");
  clock_.Advance(absl::Minutes(1));
  EXPECT_EQ(RefusedFor(Token(new_, "bob")), "UNKNOWN_KEY");
  origin_.Fail();
  clock_.Advance(absl::Minutes(1));
  EXPECT_EQ(RefusedFor(Token(new_, "bob")), "UNKNOWN_KEY");
}

TEST_F(JwtVerifierTest, AVerifiedTokenIsRememberedUntilItExpires) {
  origin_.Answer(KeysFrom(old_.JwkSet()));
  Start();
  const std::string token = Token(old_, "alice");
  EXPECT_EQ(RefusedFor(token), "");
  EXPECT_EQ(hits(), 0u);
  const Claims again = Verify(token).get();
  EXPECT_EQ(again->subject(), "alice");
  EXPECT_EQ(hits(), 1u);
  clock_.Advance(absl::Seconds(629));  // 30 of them are the skew
  EXPECT_EQ(RefusedFor(token), "");
  clock_.Advance(absl::Seconds(1));
  EXPECT_EQ(RefusedFor(token), "EXPIRED");
  EXPECT_EQ(hits(), 3u);
  EXPECT_EQ(metrics_.GetGauge("stockroom_jwt_cache_entries", "").value(), 0);
}

TEST_F(JwtVerifierTest, WhatARemovedKeyVerifiedIsForgotten) {
  origin_.Answer(KeysFrom(old_.JwkSet()));
  Start();
  const std::string token = Token(old_, "alice", 3600);
  EXPECT_EQ(RefusedFor(token), "");
  origin_.Answer(KeysFrom(new_.JwkSet()));
  clock_.Advance(absl::Minutes(1));
  EXPECT_EQ(RefusedFor(Token(new_, "bob")), "");
  EXPECT_EQ(RefusedFor(token), "UNKNOWN_KEY");
  EXPECT_EQ(hits(), 0u);
}

TEST_F(JwtVerifierTest, RefusedTokensAreNotRemembered) {
  origin_.Answer(KeysFrom(old_.JwkSet()));
  Start();
  const std::string bad = Token(old_, "alice").replace(40, 1, "!");
  EXPECT_EQ(RefusedFor(bad), "MALFORMED");
  EXPECT_EQ(RefusedFor(bad), "MALFORMED");
  EXPECT_EQ(hits(), 0u);
}

TEST_F(JwtVerifierTest, TheLeastRecentlyUsedTokenLeavesFirst) {
  origin_.Answer(KeysFrom(old_.JwkSet()));
  Start(2);
  const std::string a = Token(old_, "a");
  const std::string b = Token(old_, "b");
  const std::string c = Token(old_, "c");
  for (const std::string& token : {a, b, a, c}) EXPECT_EQ(RefusedFor(token), "");
  EXPECT_EQ(hits(), 1u);
  EXPECT_EQ(RefusedFor(a), "");
  EXPECT_EQ(hits(), 2u);
  EXPECT_EQ(RefusedFor(b), "");
  EXPECT_EQ(hits(), 2u);
  EXPECT_EQ(metrics_.GetGauge("stockroom_jwt_cache_entries", "").value(), 2);
}

TEST_F(JwtVerifierTest, NothingIsRememberedIfNothingShallBe) {
  origin_.Answer(KeysFrom(old_.JwkSet()));
  Start(0);
  const std::string token = Token(old_, "alice");
  EXPECT_EQ(RefusedFor(token), "");
  EXPECT_EQ(RefusedFor(token), "");
  EXPECT_EQ(hits(), 0u);
}

TEST_F(JwtVerifierTest, ResultsAreCounted) {
  origin_.Answer(KeysFrom(old_.JwkSet()));
  Start();
  EXPECT_EQ(RefusedFor(Token(old_, "alice")), "");
  EXPECT_EQ(RefusedFor("."), "MALFORMED");
  const auto count = [&](const char* result) {
    return metrics_.GetCounter("stockroom_jwt_verifications_total", "", {{"result", result}})
        .value();
  };
  EXPECT_EQ(count("OK"), 1u);
  EXPECT_EQ(count("MALFORMED"), 1u);
}

TEST_F(JwtVerifierTest, ManyThreadsVerifyWhileKeysChange) {
  origin_.Answer(KeysFrom(old_.JwkSet()));
  Start();
  std::vector<std::thread> threads;
  std::atomic<int> refused = 0;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i) {
        const std::string token = Token(old_, "user-" + std::to_string((i + t) % 12), 86400);
        if (!Verify(token).get().ok()) ++refused;
        if (t == 0) clock_.Advance(absl::Minutes(1));
        if (t == 0) {
          origin_.Answer(
              KeysFrom("{\"keys\":[" + old_.Jwk() + (i % 2 ? "" : "," + new_.Jwk()) + "]}"));
        }
        (void)Verify(Token(new_, "bob")).get();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(refused, 0);
}

TEST_F(JwtVerifierTest, WhoeverWaitsAtTheEndIsTold) {
  origin_.Hold();
  Start();
  std::future<Claims> waiting = Verify(Token(old_, "alice"));
  verifier_.reset();
  EXPECT_TRUE(absl::IsUnavailable(waiting.get().status()));
}

TEST_F(JwtVerifierTest, APolicyThatTrustsEverybodyIsRefusedAtTheStart) {
  EXPECT_FALSE(JwtVerifier::Create({}, nullptr, metrics_).ok());
}

}  // namespace
}  // namespace stockroom::api
