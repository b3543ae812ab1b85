#include "services/api/handlers/gate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/common/base/status.h"
#include "stockroom/v1/events.pb.h"
#include "stockroom/v1/images.pb.h"
#include "stockroom/v1/keys.pb.h"
#include "stockroom/v1/search.pb.h"
#include "stockroom/v1/system.pb.h"
#include "stockroom/v1/webhooks.pb.h"

namespace stockroom::api {
namespace {

using ::testing::UnorderedElementsAre;

// Answers for every token with what the test wants, sometimes later.
class OneAnswer final : public Authenticator {
 public:
  std::optional<absl::StatusOr<Principal>> TryAuthenticate(const Credentials&) override {
    if (waits) return std::nullopt;
    return answer;
  }
  void Authenticate(const CallContext&, const Credentials&, Done done) override { done(answer); }
  absl::StatusOr<Principal> answer;
  bool waits = false;
};

class GateTest : public ::testing::Test {
 protected:
  // Both ways must decide alike.
  absl::Status Decide(absl::StatusOr<Principal> who, Scopes needed,
                      const Credentials& credentials = {}) {
    RateLimiter limiter(rate_, metrics_);
    Gate gate(authenticator_, limiter, metrics_);
    authenticator_.answer = std::move(who);
    authenticator_.waits = false;
    const auto at_once = gate.TryAdmit(credentials, needed);
    EXPECT_TRUE(at_once.has_value());
    authenticator_.waits = true;
    EXPECT_FALSE(gate.TryAdmit(credentials, needed).has_value());
    absl::Status later;
    gate.Admit(CallContext::WithTimeout(absl::Seconds(1)), credentials, needed,
               [&](absl::StatusOr<Admitted> admitted) { later = admitted.status(); });
    EXPECT_EQ(at_once->status().code(), later.code());
    return at_once->status();
  }
  static Principal Ann(Scopes scopes) {
    return {.subject = "ann", .anonymous = false, .scopes = scopes};
  }

  Metrics metrics_;
  OneAnswer authenticator_;
  RateLimiter::Options rate_;
};

TEST_F(GateTest, LetsInWhoHasTheScope) {
  EXPECT_TRUE(Decide(Ann(Scope::kRead), Scope::kRead).ok());
  EXPECT_TRUE(Decide(Ann(Scope::kRead | Scope::kWrite), Scope::kWrite).ok());
  EXPECT_TRUE(Decide(Ann({}), {}).ok());
}

TEST_F(GateTest, TellsThoseWithoutTheScopeApartFromThoseWhoShowedNothing) {
  const absl::Status lacks = Decide(Ann(Scope::kRead), Scope::kAdmin);
  EXPECT_EQ(lacks.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(DetailsOf(lacks).reason, "SCOPE_MISSING");
  EXPECT_EQ(DetailsOf(lacks).metadata.at("scope"), "admin");
  const absl::Status stranger =
      Decide(Principal{.subject = "anonymous", .scopes = {}}, Scope::kRead);
  EXPECT_EQ(stranger.code(), absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(DetailsOf(stranger).reason, "CREDENTIALS_MISSING");
}

TEST_F(GateTest, PassesOnWhatTheAuthenticatorSays) {
  EXPECT_EQ(Decide(InvalidCredentials("expired"), {}).message(), "expired");
  EXPECT_EQ(Decide(Unavailable("AWAY", "away"), {}).code(), absl::StatusCode::kUnavailable);
}

TEST_F(GateTest, CountsStrangersByTheirAddressAndOthersByTheirName) {
  rate_ = {.per_second = 0.001, .burst = 1};
  RateLimiter limiter(rate_, metrics_);
  Gate gate(authenticator_, limiter, metrics_);
  const auto admit = [&](Principal who, const std::string& peer) {
    authenticator_.answer = std::move(who);
    return (*gate.TryAdmit({.peer = peer}, {})).ok();
  };
  EXPECT_TRUE(admit(Principal::Anonymous(), "10.0.0.1"));
  EXPECT_FALSE(admit(Principal::Anonymous(), "10.0.0.1"));
  EXPECT_TRUE(admit(Principal::Anonymous(), "10.0.0.2"));
  EXPECT_TRUE(admit(Ann(Scope::kRead), "10.0.0.1"));
  EXPECT_FALSE(admit(Ann(Scope::kRead), "10.0.0.2"));
}

TEST_F(GateTest, GuessersAreStoppedAndKnownKeysGoOn) {
  rate_ = {.per_second = 0.001, .burst = 2};
  RateLimiter limiter(rate_, metrics_);
  Gate gate(authenticator_, limiter, metrics_);
  const auto outcome = [&](const std::string& peer) {
    const auto at_once = gate.TryAdmit({.token = "t", .peer = peer}, {});
    if (at_once) return at_once->status().code();
    absl::StatusCode later;
    gate.Admit(CallContext::WithTimeout(absl::Seconds(1)), {.token = "t", .peer = peer}, {},
               [&](const absl::StatusOr<Admitted>& admitted) { later = admitted.status().code(); });
    return later;
  };
  authenticator_.waits = true;
  authenticator_.answer = InvalidCredentials("wrong");
  // Neighbours in one IPv6 network are one guesser.
  EXPECT_EQ(outcome("2001:db8:1:2::1"), absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(outcome("2001:db8:1:2::2"), absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(outcome("2001:db8:1:2::3"), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(outcome("2001:db8:1:3::1"), absl::StatusCode::kUnauthenticated);
  authenticator_.waits = false;
  authenticator_.answer = Ann(Scope::kRead);
  EXPECT_EQ(outcome("2001:db8:1:2::3"), absl::StatusCode::kOk);
}

TEST(ReadCredentials, TakesEitherHeaderAndNoOtherScheme) {
  EXPECT_EQ(ReadCredentials("", "")->token, "");
  EXPECT_EQ(ReadCredentials("Bearer abc", "")->token, "abc");
  EXPECT_EQ(ReadCredentials("bearer  abc ", "")->token, "abc");
  EXPECT_EQ(ReadCredentials("", "abc")->token, "abc");
  EXPECT_EQ(ReadCredentials("Bearer abc", "def")->token, "abc");
  for (const char* bad : {"Basic abc", "abc", "Bearer", "Bearer  "}) {
    EXPECT_EQ(ReadCredentials(bad, "").status().code(), absl::StatusCode::kUnauthenticated) << bad;
  }
}

TEST(RequiredScopes, OnlyThesePublicMethodsNeedNone) {
  std::vector<std::string> open;
  for (const auto* file :
       {v1::Event::descriptor()->file(), v1::Image::descriptor()->file(),
        v1::ApiKey::descriptor()->file(), v1::SearchImagesRequest::descriptor()->file(),
        v1::PingRequest::descriptor()->file(), v1::Webhook::descriptor()->file()}) {
    for (int i = 0; i < file->service_count(); ++i) {
      for (int j = 0; j < file->service(i)->method_count(); ++j) {
        const auto& method = *file->service(i)->method(j);
        if (ScopesNeededFor(method).empty()) open.push_back(method.full_name());
        // What a message needs is what its method needs.
        EXPECT_EQ(ScopesNeededFor(*method.input_type()), ScopesNeededFor(method));
      }
    }
  }
  EXPECT_THAT(open, UnorderedElementsAre("stockroom.v1.SystemService.Ping",
                                         "stockroom.v1.KeyService.WhoAmI"));
}

TEST(RequiredScopes, ChangingNeedsMoreThanReading) {
  EXPECT_EQ(ScopesNeededFor(*v1::SearchImagesRequest::descriptor()), Scopes(Scope::kRead));
  EXPECT_EQ(ScopesNeededFor(*v1::UploadImageRequest::descriptor()), Scopes(Scope::kWrite));
  EXPECT_EQ(ScopesNeededFor(*v1::CreateApiKeyRequest::descriptor()), Scopes(Scope::kAdmin));
}

}  // namespace
}  // namespace stockroom::api
