#include "services/api/auth/api_key_verifier.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <future>

#include "services/api/auth/admin_key.h"
#include "services/api/auth/request_authenticator.h"
#include "services/api/domain/api_keys.h"
#include "services/api/metadata/memory_store.h"
#include "services/common/base/status.h"
#include "tests/support/temp_folder.h"

namespace stockroom::api {
namespace {

const absl::Time kNoon = absl::FromUnixSeconds(1'700'000'000);

// Counts look-ups, and can be away.
class WatchedKeys final : public ApiKeyStore {
 public:
  explicit WatchedKeys(ApiKeyStore& inner) : inner_(inner) {}
  absl::Status AddApiKey(const ApiKey& key, int max_keys) override {
    return inner_.AddApiKey(key, max_keys);
  }
  absl::StatusOr<std::optional<ApiKey>> FindApiKey(const Digest& hash) override {
    ++lookups;
    if (away) return Unavailable("DATABASE_AWAY", "away");
    return inner_.FindApiKey(hash);
  }
  absl::StatusOr<std::vector<ApiKey>> ListApiKeys(const std::string& before, int limit) override {
    return inner_.ListApiKeys(before, limit);
  }
  absl::StatusOr<ApiKey> RevokeApiKey(const std::string& id, absl::Time now) override {
    return inner_.RevokeApiKey(id, now);
  }
  std::atomic<int> lookups = 0;
  std::atomic<bool> away = false;

 private:
  ApiKeyStore& inner_;
};

class ApiKeyVerifierTest : public ::testing::Test {
 protected:
  absl::StatusOr<Principal> Ask(const std::string& token) {
    if (auto known = authenticator_.TryAuthenticate({.token = token})) return *std::move(known);
    std::promise<absl::StatusOr<Principal>> answer;
    authenticator_.Authenticate(
        CallContext::WithTimeout(absl::Seconds(20)), {.token = token},
        [&](absl::StatusOr<Principal> who) { answer.set_value(std::move(who)); });
    return answer.get_future().get();
  }
  CreatedApiKey Make(std::optional<absl::Time> expire_time = std::nullopt) {
    return *ApiKeys(store_->api_keys(), clock_)
                .Create(Principal::Anonymous(), {.subject = "anna", .expire_time = expire_time});
  }

  Metrics metrics_;
  FakeClock clock_{kNoon};
  const std::unique_ptr<MetadataStore> store_ = NewMemoryStore();
  WatchedKeys watched_{store_->api_keys()};
  Executor executor_{{.name = "keys", .threads = 2}, metrics_};
  ApiKeyVerifier keys_{{.max_cached = 3, .max_guesses = 3}, watched_, executor_, clock_, metrics_};
  RequestAuthenticator authenticator_{{.anonymous = Scope::kRead}, keys_, executor_};
};

TEST_F(ApiKeyVerifierTest, KnowsWhoseAKeyIsAndAsksOnce) {
  const CreatedApiKey made = Make();
  for (int i = 0; i < 3; ++i) {
    const auto who = Ask(made.secret);
    ASSERT_TRUE(who.ok()) << who.status();
    EXPECT_EQ(who->subject, "anna");
    EXPECT_FALSE(who->anonymous);
    EXPECT_EQ(who->scopes, made.key.scopes);
    EXPECT_EQ(who->key_id, made.key.id);
  }
  EXPECT_EQ(watched_.lookups, 1);
}

TEST_F(ApiKeyVerifierTest, RefusesGuessesWithoutAskingTwice) {
  const std::string guess = NewApiKeySecret();
  for (int i = 0; i < 3; ++i) {
    const auto who = Ask(guess);
    EXPECT_EQ(who.status().code(), absl::StatusCode::kUnauthenticated);
    EXPECT_EQ(DetailsOf(who.status()).reason, "CREDENTIALS_INVALID");
  }
  EXPECT_EQ(watched_.lookups, 1);
  EXPECT_FALSE(Ask("sr_short").ok());
  EXPECT_FALSE(Ask("something else").ok());
  EXPECT_EQ(watched_.lookups, 1);
}

TEST_F(ApiKeyVerifierTest, AKeyThatAnotherApiRevokedIsRefusedWithinSeconds) {
  const CreatedApiKey made = Make();
  ASSERT_TRUE(Ask(made.secret).ok());
  ASSERT_TRUE(store_->api_keys().RevokeApiKey(made.key.id, kNoon).ok());
  clock_.Advance(absl::Seconds(5));
  EXPECT_EQ(Ask(made.secret).status().code(), absl::StatusCode::kUnauthenticated);
}

TEST_F(ApiKeyVerifierTest, AKeyThatThisApiRevokedIsRefusedAtOnce) {
  const CreatedApiKey made = Make();
  ASSERT_TRUE(Ask(made.secret).ok());
  ApiKey revoked = made.key;
  revoked.revoke_time = kNoon;
  keys_.Revoked(revoked);
  EXPECT_FALSE(Ask(made.secret).ok());
  // A look-up that read the row before is too late, however often it comes.
  clock_.Advance(absl::Seconds(6));
  EXPECT_FALSE(Ask(made.secret).ok());
}

TEST_F(ApiKeyVerifierTest, WhileTheDatabaseIsAwayNobodyWaitsForItAtEveryCall) {
  const CreatedApiKey made = Make();
  ASSERT_TRUE(Ask(made.secret).ok());
  watched_.away = true;
  clock_.Advance(absl::Seconds(6));
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(Ask(made.secret).ok());
  EXPECT_EQ(watched_.lookups, 2);
  clock_.Advance(absl::Seconds(1));
  EXPECT_TRUE(Ask(made.secret).ok());
  EXPECT_EQ(watched_.lookups, 3);
}

TEST_F(ApiKeyVerifierTest, AKeyExpiresOnTheSecond) {
  const CreatedApiKey made = Make(kNoon + absl::Seconds(3));
  clock_.Advance(absl::Seconds(3) - absl::Microseconds(1));
  EXPECT_TRUE(Ask(made.secret).ok());
  clock_.Advance(absl::Microseconds(1));
  EXPECT_FALSE(Ask(made.secret).ok());
}

TEST_F(ApiKeyVerifierTest, AGoodKeyOutlastsAnAbsenceOfTheDatabaseForAMinute) {
  const CreatedApiKey made = Make();
  ASSERT_TRUE(Ask(made.secret).ok());
  watched_.away = true;
  clock_.Advance(absl::Seconds(59));
  EXPECT_TRUE(Ask(made.secret).ok());
  EXPECT_EQ(Ask(NewApiKeySecret()).status().code(), absl::StatusCode::kUnavailable);
  clock_.Advance(absl::Seconds(2));
  EXPECT_EQ(Ask(made.secret).status().code(), absl::StatusCode::kUnavailable);
  watched_.away = false;
  EXPECT_TRUE(Ask(made.secret).ok());
}

TEST_F(ApiKeyVerifierTest, RemembersABoundedNumberOfKeysAndGuessesDriveOutNone) {
  const CreatedApiKey made = Make();
  ASSERT_TRUE(Ask(made.secret).ok());
  const std::string first_guess = NewApiKeySecret();
  EXPECT_FALSE(Ask(first_guess).ok());
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(Ask(NewApiKeySecret()).ok());
  EXPECT_EQ(watched_.lookups, 12);
  EXPECT_TRUE(Ask(made.secret).ok());
  EXPECT_EQ(watched_.lookups, 12);
  EXPECT_FALSE(Ask(first_guess).ok());
  EXPECT_EQ(watched_.lookups, 13);
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(Ask(Make().secret).ok());
  EXPECT_EQ(metrics_.GetGauge("stockroom_api_keys_cached", "").value(), 3);
}

TEST_F(ApiKeyVerifierTest, WhoShowsNothingIsAStrangerAndWhoShowsABadKeyIsNot) {
  const auto who = Ask("");
  ASSERT_TRUE(who.ok());
  EXPECT_TRUE(who->anonymous);
  EXPECT_EQ(who->scopes, Scopes(Scope::kRead));
  EXPECT_FALSE(Ask(NewApiKeySecret()).ok());
}

TEST_F(ApiKeyVerifierTest, TheAdminKeyIsMadeOnceAndStaysRevoked) {
  const testing::TempFolder folder;
  const std::string path = folder.file("admin.key");
  ASSERT_TRUE(PrepareAdminKey(path, store_->api_keys(), clock_).ok());
  std::string secret;
  std::ifstream(path) >> secret;
  EXPECT_EQ(std::filesystem::status(path).permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  const auto who = Ask(secret);
  ASSERT_TRUE(who.ok()) << who.status();
  EXPECT_TRUE(who->scopes.Has(Scope::kAdmin));
  ASSERT_TRUE(PrepareAdminKey(path, store_->api_keys(), clock_).ok());
  EXPECT_EQ(store_->api_keys().ListApiKeys("", 10)->size(), 1u);
  ASSERT_TRUE(store_->api_keys().RevokeApiKey(who->key_id, kNoon).ok());
  ASSERT_TRUE(PrepareAdminKey(path, store_->api_keys(), clock_).ok());
  clock_.Advance(absl::Seconds(6));
  EXPECT_FALSE(Ask(secret).ok());
}

TEST_F(ApiKeyVerifierTest, AFileThatHoldsNoKeyIsNotTakenForOne) {
  const testing::TempFolder folder;
  const std::string path = folder.file("admin.key");
  std::ofstream(path) << "password\n";
  EXPECT_EQ(DetailsOf(PrepareAdminKey(path, store_->api_keys(), clock_)).reason, "BAD_KEY_FILE");
}

}  // namespace
}  // namespace stockroom::api
