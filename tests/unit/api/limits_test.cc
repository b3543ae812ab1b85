// Limits of each caller: requests and quotas.
#include <gtest/gtest.h>

#include <functional>
#include <utility>

#include "services/api/domain/rate_limiter.h"
#include "services/common/base/status.h"
#include "tests/unit/api/backstage.h"
#include "tests/unit/api/forwarding_store.h"

namespace stockroom::api {
namespace {

const absl::Time kNoon = absl::FromUnixSeconds(1'700'000'000);

TEST(RateLimiter, AllowsABurstAndThenTheRate) {
  Metrics metrics;
  RateLimiter limiter({.per_second = 2, .burst = 3}, metrics);
  for (int left = 2; left >= 0; --left) {
    const RateLimiter::Decision decision = limiter.Take("ann", kNoon);
    EXPECT_TRUE(decision.allowed);
    EXPECT_EQ(decision.limit, 3);
    EXPECT_EQ(decision.remaining, left);
  }
  const RateLimiter::Decision refused = limiter.Take("ann", kNoon);
  EXPECT_FALSE(refused.allowed);
  EXPECT_EQ(refused.remaining, 0);
  EXPECT_EQ(refused.retry_after, absl::Milliseconds(500));
  EXPECT_EQ(refused.reset, absl::Milliseconds(1500));
  EXPECT_FALSE(limiter.Take("ann", kNoon + absl::Milliseconds(499)).allowed);
  EXPECT_TRUE(limiter.Take("ann", kNoon + absl::Milliseconds(500)).allowed);
  EXPECT_FALSE(limiter.Take("ann", kNoon + absl::Milliseconds(500)).allowed);
}

TEST(RateLimiter, CallersDoNotDisturbOneAnother) {
  Metrics metrics;
  RateLimiter limiter({.per_second = 1, .burst = 1}, metrics);
  EXPECT_TRUE(limiter.Take("ann", kNoon).allowed);
  EXPECT_TRUE(limiter.Take("ben", kNoon).allowed);
  EXPECT_FALSE(limiter.Take("ann", kNoon).allowed);
}

TEST(RateLimiter, WaitingDoesNotSaveUpMoreThanTheBurst) {
  Metrics metrics;
  RateLimiter limiter({.per_second = 10, .burst = 2}, metrics);
  EXPECT_TRUE(limiter.Take("ann", kNoon).allowed);
  const absl::Time later = kNoon + absl::Hours(1);
  EXPECT_TRUE(limiter.Take("ann", later).allowed);
  EXPECT_TRUE(limiter.Take("ann", later).allowed);
  EXPECT_FALSE(limiter.Take("ann", later).allowed);
}

TEST(RateLimiter, AClockThatStepsBackPunishesNobody) {
  Metrics metrics;
  RateLimiter limiter({.per_second = 1, .burst = 2}, metrics);
  EXPECT_TRUE(limiter.Take("ann", kNoon).allowed);
  const absl::Time earlier = kNoon - absl::Hours(1);
  EXPECT_LE(limiter.Take("ann", earlier).retry_after, absl::Seconds(1));
  EXPECT_TRUE(limiter.Take("ann", earlier + absl::Seconds(1)).allowed);
}

TEST(RateLimiter, RemembersABoundedNumberOfCallers) {
  Metrics metrics;
  RateLimiter limiter({.per_second = 1, .burst = 1, .max_callers = 10}, metrics);
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(limiter.Take(std::to_string(i), kNoon).allowed);
  EXPECT_LE(metrics.GetGauge("stockroom_rate_limited_callers", "").value(), 10);
}

class QuotasTest : public Backstage {
 protected:
  absl::StatusOr<UploadResult> UploadWith(Quotas& quotas, const std::string& bytes,
                                          const Principal& who = Anna()) {
    api::Uploads uploads({.max_bytes = 1000, .quotas = &quotas}, blobs_, *store_, completions_,
                         executor_, Clock::Real(), metrics_);
    auto session = uploads.Begin(Call(), who, {});
    if (!session.ok()) return session.status();
    if (absl::Status written = Write(**session, bytes); !written.ok()) return written;
    return Finish(**session);
  }
  FakeClock clock_{kNoon};
};

TEST_F(QuotasTest, AnOwnerKeepsNoMoreImagesThanAllowed) {
  Quotas quotas({.max_images = 2}, *store_, clock_);
  EXPECT_TRUE(UploadWith(quotas, Png("1")).ok());
  EXPECT_TRUE(UploadWith(quotas, Png("2")).ok());
  const auto refused = UploadWith(quotas, Png("3"));
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kResourceExhausted);
  const ErrorDetails details = DetailsOf(refused.status());
  EXPECT_EQ(details.reason, "QUOTA_EXCEEDED");
  EXPECT_EQ(details.metadata.at("limit"), "2");
  EXPECT_EQ(ImageCount(), 2u);
  EXPECT_TRUE(UploadWith(quotas, Png("3"), Ben()).ok());
}

TEST_F(QuotasTest, AnOwnerKeepsNoMoreBytesThanAllowed) {
  const std::string picture = Png("12");  // of ten bytes
  Quotas quotas({.max_bytes = 20}, *store_, clock_);
  EXPECT_TRUE(UploadWith(quotas, picture).ok());
  EXPECT_FALSE(UploadWith(quotas, Png("123")).ok());
  EXPECT_TRUE(UploadWith(quotas, Png("34")).ok());
  EXPECT_FALSE(UploadWith(quotas, Png("5")).ok());
}

TEST_F(QuotasTest, BytesThatAreThereNeedNoRoom) {
  Quotas quotas({.max_images = 1}, *store_, clock_);
  EXPECT_TRUE(UploadWith(quotas, Png("1")).ok());
  const auto again = UploadWith(quotas, Png("1"));
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(again->deduplicated);
  EXPECT_FALSE(UploadWith(quotas, Png("2")).ok());
}

TEST_F(QuotasTest, UploadsAtTheSameTimeDoNotShareTheLastPlace) {
  Quotas quotas({.max_images = 3}, *store_, clock_);
  std::atomic<int> stored = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      if (UploadWith(quotas, Png(std::to_string(i))).ok()) ++stored;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(stored, 3);
}

TEST_F(QuotasTest, AnUploadThatFailsGivesItsRoomBack) {
  Quotas quotas({.max_images = 1}, *store_, clock_);
  ASSERT_TRUE(quotas.Take("anna", 5).ok());
  EXPECT_FALSE(UploadWith(quotas, Png("1")).ok());
  quotas.GiveBack("anna", 5);
  EXPECT_TRUE(UploadWith(quotas, Png("1")).ok());
}

// Lets a test do something between the beginning and the end of a look.
class LookedAtStore final : public ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;
  absl::StatusOr<Usage> UsageOf(const std::string& owner) override {
    const absl::StatusOr<Usage> usage = ForwardingStore::UsageOf(owner);
    if (after_look) std::exchange(after_look, nullptr)();
    return usage;
  }
  std::function<void()> after_look;
};

TEST_F(QuotasTest, WhatIsNotStoredYetIsCountedWhateverIsLookedAtMeanwhile) {
  Quotas quotas({.max_images = 2}, *store_, clock_);
  ASSERT_TRUE(quotas.Take("anna", 5).ok());
  for (int i = 0; i < 3; ++i) {
    quotas.Recount("anna");
    ASSERT_TRUE(quotas.Take("anna", 5).ok());
    EXPECT_FALSE(quotas.Take("anna", 5).ok());
    quotas.GiveBack("anna", 5);
  }
}

TEST_F(QuotasTest, ALookThatBeganBeforeARecountDoesNotStand) {
  LookedAtStore store(*store_);
  Quotas quotas({.max_images = 1}, store, clock_);
  const auto stored = Upload(Png("1"));
  const auto anyone = [](const Image&) { return absl::OkStatus(); };
  store.after_look = [&] {
    ASSERT_TRUE(store_->DeleteImage(stored->image.id, kNoon, anyone).ok());
    quotas.Recount("anna");
  };
  EXPECT_FALSE(quotas.Take("anna", 5).ok());
  EXPECT_TRUE(quotas.Take("anna", 5).ok());
}

TEST_F(QuotasTest, WhatIsStoredDuringALookIsCounted) {
  LookedAtStore store(*store_);
  Quotas quotas({.max_images = 2}, store, clock_);
  store.after_look = [&] {
    ASSERT_TRUE(quotas.Take("anna", 5).ok());
    quotas.Keep("anna", 5);
  };
  EXPECT_TRUE(quotas.Take("anna", 5).ok());
  EXPECT_FALSE(quotas.Take("anna", 5).ok());
}

TEST_F(QuotasTest, RoomIsFoundAgainAfterADeletion) {
  Quotas quotas({.max_images = 1}, *store_, clock_);
  const auto stored = UploadWith(quotas, Png("1"));
  ASSERT_TRUE(stored.ok());
  EXPECT_FALSE(UploadWith(quotas, Png("2")).ok());
  const auto anyone = [](const Image&) { return absl::OkStatus(); };
  ASSERT_TRUE(store_->DeleteImage(stored->image.id, kNoon, anyone).ok());
  clock_.Advance(absl::Seconds(31));
  EXPECT_TRUE(UploadWith(quotas, Png("2")).ok());
}

TEST_F(QuotasTest, WhatATokenSaysWinsOverWhatTheRequestSays) {
  Principal who = Anna();
  who.attributes = {{"tenant", "7"}};
  UploadRequest request;
  request.described.attributes = {{"tenant", "8"}, {"shelf", "b"}};
  const auto stored = Upload(Png("1"), std::move(request), who);
  ASSERT_TRUE(stored.ok()) << stored.status();
  EXPECT_EQ(stored->image.described.attributes,
            (std::map<std::string, std::string>{{"tenant", "7"}, {"shelf", "b"}}));
}

}  // namespace
}  // namespace stockroom::api
