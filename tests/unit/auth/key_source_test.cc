// How keys are kept fresh, by a clock that stands still until told.
#include "services/api/auth/key_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <optional>

#include "services/common/base/status.h"
#include "tests/support/jws_signer.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/auth/scripted_origin.h"

namespace stockroom::api {
namespace {

using test::JwsSigner;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using Keys = absl::StatusOr<JwkSetPtr>;

class KeySourceTest : public ::testing::Test {
 protected:
  void Start(JwksSourceOptions options = {}) {
    options.clock = &clock_;
    source_.emplace("test", origin_.fetch(), options, metrics_);
  }
  std::future<Keys> Get() {
    auto promise = std::make_shared<std::promise<Keys>>();
    source_->Get([promise](Keys keys) { promise->set_value(std::move(keys)); });
    return promise->get_future();
  }
  std::future<Keys> GetNewer(const JwkSetPtr& seen) {
    auto promise = std::make_shared<std::promise<Keys>>();
    source_->GetNewer(seen, [promise](Keys keys) { promise->set_value(std::move(keys)); });
    return promise->get_future();
  }
  static bool IsReady(std::future<Keys>& keys) {
    return keys.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  }
  // Until the look that is under way is over and recorded.
  void Settle() {
    while (true) {
      size_t looks = 0;
      for (const char* result : {"ok", "unchanged", "error"}) {
        looks += metrics_
                     .GetCounter("stockroom_jwks_fetches_total", "",
                                 {{"source", "test"}, {"result", result}})
                     .value();
      }
      if (looks == origin_.looks().size()) return;
      std::this_thread::yield();
    }
  }
  std::vector<int64_t> LookSeconds() {
    std::vector<int64_t> seconds;
    for (const absl::Time look : origin_.looks()) {
      seconds.push_back(absl::ToInt64Seconds(look - start_));
    }
    return seconds;
  }

  const absl::Time start_ = absl::FromUnixSeconds(1'700'000'000);
  FakeClock clock_{start_};
  Metrics metrics_;
  ScriptedOrigin origin_{clock_};
  JwkSetPtr old_ = KeysFrom(JwsSigner::Generate("EdDSA").JwkSet());
  JwkSetPtr new_ = KeysFrom(JwsSigner::Generate("EdDSA").JwkSet());
  std::optional<JwksSource> source_;  // last: it uses the others
};

TEST_F(KeySourceTest, WhoComesFirstWaitsAndWhoComesLaterDoesNot) {
  origin_.Hold();
  origin_.Answer(old_);
  Start();
  std::future<Keys> first = Get();
  EXPECT_FALSE(IsReady(first));
  origin_.Release();
  EXPECT_EQ(*first.get(), old_);
  std::future<Keys> later = Get();
  ASSERT_TRUE(IsReady(later));
  EXPECT_EQ(*later.get(), old_);
}

TEST_F(KeySourceTest, AnOriginThatIsAwayIsSaidSoAtOnce) {
  Start();
  EXPECT_EQ(DetailsOf(Get().get().status()).reason, "KEYS_UNAVAILABLE");
  std::future<Keys> later = Get();
  ASSERT_TRUE(IsReady(later));
  const absl::Status status = later.get().status();
  EXPECT_TRUE(absl::IsUnavailable(status));
  EXPECT_TRUE(DetailsOf(status).retry_after.has_value());
}

TEST_F(KeySourceTest, KeysAreLookedAtAgainBeforeTheyAreStale) {
  origin_.Answer(old_);
  Start();
  ASSERT_TRUE(Get().get().ok());
  origin_.Answer(new_);
  clock_.Advance(absl::Minutes(8));
  EXPECT_EQ(*Get().get(), old_);  // nobody waits for it
  origin_.AwaitLooks(2);
  Settle();
  EXPECT_EQ(*Get().get(), new_);
}

TEST_F(KeySourceTest, AnUnknownKeyIsAskedForAtOnceButNotTooOften) {
  origin_.Answer(old_);
  Start();
  ASSERT_TRUE(Get().get().ok());
  origin_.Answer(new_);
  clock_.Advance(absl::Seconds(29));
  for (int i = 0; i < 1000; ++i) {
    std::future<Keys> refused = GetNewer(old_);
    ASSERT_TRUE(IsReady(refused));
    EXPECT_EQ(*refused.get(), old_);
  }
  clock_.Advance(absl::Seconds(1));
  EXPECT_EQ(*GetNewer(old_).get(), new_);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(*GetNewer(new_).get(), new_);
  EXPECT_THAT(LookSeconds(), ElementsAre(0, 30));
}

TEST_F(KeySourceTest, WhoSawOlderKeysGetsNewerOnesInline) {
  origin_.Answer(new_);
  Start();
  ASSERT_TRUE(Get().get().ok());
  std::future<Keys> newer = GetNewer(old_);
  ASSERT_TRUE(IsReady(newer));
  EXPECT_EQ(*newer.get(), new_);
}

TEST_F(KeySourceTest, ManyWhoAskForNewerKeysShareOneLook) {
  origin_.Answer(old_);
  Start();
  ASSERT_TRUE(Get().get().ok());
  clock_.Advance(absl::Minutes(1));
  origin_.Hold();
  origin_.Answer(new_);
  std::vector<std::future<Keys>> waiting;
  for (int i = 0; i < 100; ++i) waiting.push_back(GetNewer(old_));
  origin_.AwaitLooks(2);
  std::future<Keys> known = Get();  // whose key is known is not held up
  ASSERT_TRUE(IsReady(known));
  origin_.Release();
  for (auto& keys : waiting) EXPECT_EQ(*keys.get(), new_);
  EXPECT_THAT(origin_.looks(), SizeIs(2));
}

TEST_F(KeySourceTest, OnlySoManyMayWait) {
  origin_.Hold();
  Start({.max_waiting = 2});
  std::future<Keys> a = Get();
  std::future<Keys> b = Get();
  std::future<Keys> c = Get();
  ASSERT_TRUE(IsReady(c));
  EXPECT_TRUE(absl::IsUnavailable(c.get().status()));
  EXPECT_FALSE(IsReady(a) || IsReady(b));
  origin_.Answer(old_);
  origin_.Release();
  EXPECT_EQ(*a.get(), old_);
  EXPECT_EQ(*b.get(), old_);
}

TEST_F(KeySourceTest, TheLastGoodKeysServeThroughAnOutageButNotForEver) {
  origin_.Answer(old_);
  Start();
  ASSERT_TRUE(Get().get().ok());
  origin_.Fail();
  clock_.Advance(absl::Hours(24) - absl::Seconds(1));
  EXPECT_EQ(*Get().get(), old_);
  origin_.AwaitLooks(2);
  Settle();
  clock_.Advance(absl::Seconds(1));
  EXPECT_FALSE(Get().get().ok());
  origin_.Answer(new_);
  clock_.Advance(absl::Minutes(1));
  while (!Get().get().ok()) std::this_thread::yield();
  EXPECT_EQ(*Get().get(), new_);
}

TEST_F(KeySourceTest, FailuresAreRetriedEverMoreSlowly) {
  Start({.max_retry = absl::Seconds(4)});
  const std::vector<int64_t> due = {0, 1, 3, 7, 11, 15};
  for (int64_t second = 0; second <= 15; ++second) {
    (void)Get().get();  // wakes it if it is due
    const auto looks = std::upper_bound(due.begin(), due.end(), second) - due.begin();
    origin_.AwaitLooks(static_cast<size_t>(looks));
    Settle();
    clock_.Advance(absl::Seconds(1));
  }
  EXPECT_THAT(LookSeconds(), ElementsAre(0, 1, 3, 7, 11, 15));
}

TEST_F(KeySourceTest, AClockThatIsSetBackDoesNotKeepOldKeys) {
  origin_.Answer(old_);
  Start();
  ASSERT_TRUE(Get().get().ok());
  origin_.Answer(new_);
  clock_.Advance(-absl::Hours(1000));
  (void)Get();
  origin_.AwaitLooks(2);
  Settle();
  EXPECT_EQ(*Get().get(), new_);
}

TEST_F(KeySourceTest, WhoStillWaitsAtTheEndIsToldSo) {
  origin_.Hold();
  Start();
  std::future<Keys> waiting = Get();
  source_.reset();
  EXPECT_TRUE(absl::IsUnavailable(waiting.get().status()));
}

class KeyFileTest : public ::testing::Test {
 protected:
  KeyFileTest() {
    path_ = folder_.file("keys");
    fetch_ = FetchFromFile(path_, {});
  }
  void Replace(const std::string& text) const {
    std::ofstream(folder_.file("next")) << text;
    std::filesystem::rename(folder_.file("next"), path_);
  }
  absl::StatusOr<FetchedKeys> Look(const JwkSetPtr& last = nullptr) const {
    return fetch_(last, [] { return false; });
  }

  const testing::TempFolder folder_;
  std::filesystem::path path_;
  JwksSource::Fetch fetch_;
};

TEST_F(KeyFileTest, AFileIsReadAgainWhenItChanges) {
  Replace(JwsSigner::Generate("EdDSA").JwkSet());
  const auto first = Look();
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(Look(first->keys)->keys, first->keys);
  Replace(JwsSigner::Generate("EdDSA").JwkSet());
  const auto second = Look(first->keys);
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_NE(second->keys, first->keys);
}

TEST_F(KeyFileTest, SecretsAndPemAreRead) {
  Replace(JwsSigner::Hmac("HS256", std::string(32, 's')).JwkSet());
  EXPECT_TRUE(Look().ok());
  Replace("# of the issuer\n" + JwsSigner::Generate("ES256").PublicPem());
  const auto pem = Look();
  ASSERT_TRUE(pem.ok()) << pem.status();
  EXPECT_THAT(pem->keys->keys(), SizeIs(1));
}

TEST_F(KeyFileTest, WhatIsNoKeyFileIsRefusedByName) {
  EXPECT_THAT(Look().status().ToString(), HasSubstr(path_.string()));
  Replace("{");
  EXPECT_THAT(Look().status().ToString(), HasSubstr(path_.string()));
  Replace(std::string((1 << 20) + 1, ' '));
  EXPECT_THAT(Look().status().ToString(), HasSubstr("over 1048576 bytes"));
  std::filesystem::remove(path_);
  std::filesystem::create_directory(path_);
  EXPECT_THAT(Look().status().ToString(), HasSubstr("is not a file"));
  std::filesystem::remove(path_);
  ASSERT_EQ(mkfifo(path_.c_str(), 0600), 0);
  EXPECT_THAT(Look().status().ToString(), HasSubstr("is not a file"));
}

TEST_F(KeyFileTest, AFileThatGoesBadLeavesTheLastGoodKeys) {
  Replace(JwsSigner::Generate("EdDSA").JwkSet());
  Metrics metrics;
  JwksSourceOptions options = JwksSourceOptions::ForFile();
  options.min_interval = absl::ZeroDuration();
  JwksSource source("file", FetchFromFile(path_, {}), options, metrics);
  const auto get_newer = [&](const JwkSetPtr& seen) {
    std::promise<Keys> promise;
    source.GetNewer(seen, [&](Keys keys) { promise.set_value(std::move(keys)); });
    return promise.get_future().get();
  };
  const Keys good = get_newer(nullptr);
  ASSERT_TRUE(good.ok()) << good.status();
  Replace("half a fi");
  EXPECT_EQ(*get_newer(*good), *good);
  Replace(JwsSigner::Generate("EdDSA").JwkSet());
  EXPECT_NE(*get_newer(*good), *good);
}

}  // namespace
}  // namespace stockroom::api
