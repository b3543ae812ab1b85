#include "services/api/domain/janitor.h"

#include <gtest/gtest.h>

#include "services/api/metadata/memory_store.h"
#include "services/common/base/status.h"

namespace stockroom::api {
namespace {

class JanitorTest : public ::testing::Test {
 protected:
  void Upload(const std::string& id, absl::Time when) {
    NewImage image;
    image.id = id;
    image.owner = "ann";
    image.sha256 = Digest::Of(id);
    image.md5 = std::string(16, 'm');
    ASSERT_TRUE(store_->CreateImage(image, when).ok());
  }

  Metrics metrics_;
  const std::unique_ptr<MetadataStore> store_ = NewMemoryStore();
  StoreClock clock_{*store_, Clock::Real()};
  const absl::Time now_ = absl::Now();
};

TEST_F(JanitorTest, ForgetsWhatIsTooOldHoweverMuchItIs) {
  for (int i = 0; i < 7; ++i) Upload("old" + std::to_string(i), now_ - absl::Hours(24 * 8));
  Upload("new", now_);
  for (int i = 0; i < 5; ++i) {
    const absl::Time when = now_ - absl::Hours(25);
    ASSERT_TRUE(store_->ReserveKey("ann", std::to_string(i), when, when).ok());
  }
  ASSERT_TRUE(store_->ReserveKey("ann", "new", now_, now_ + absl::Hours(1)).ok());
  Janitor janitor({.holder = "api-1", .batch = 2}, *store_, clock_, metrics_);
  ASSERT_TRUE(janitor.CleanOnce().ok());
  EXPECT_EQ(DetailsOf(store_->ReadEvents(6, 9).status()).reason, "FEED_TRIMMED");
  EXPECT_EQ(store_->ReadEvents(7, 9)->size(), 1u);
  EXPECT_EQ(metrics_.GetCounter("stockroom_idempotency_keys_forgotten_total", "").value(), 5u);
  EXPECT_EQ(store_->ReserveKey("ann", "new", now_, now_)->state, KeyReservation::State::kInFlight);
}

TEST_F(JanitorTest, LeavesTheWorkToTheApiThatHasTheLease) {
  Upload("old", now_ - absl::Hours(24 * 8));
  Upload("new", now_);
  ASSERT_TRUE(*store_->TakeLease("janitor", "api-2", now_, absl::Hours(1)));
  Janitor janitor({.holder = "api-1"}, *store_, clock_, metrics_);
  ASSERT_TRUE(janitor.CleanOnce().ok());
  EXPECT_EQ(store_->GetFeedRange()->trimmed, 0);
}

TEST(StoreClock, FollowsTheDatabaseWhenTheLocalClockIsWrong) {
  const auto store = NewMemoryStore();
  FakeClock wrong(absl::Now() - absl::Hours(3));
  StoreClock clock(*store, wrong);
  ASSERT_TRUE(clock.Refresh().ok());
  EXPECT_LT(absl::AbsDuration(clock.Now() - absl::Now()), absl::Minutes(5));
  EXPECT_GT(clock.difference(), absl::Hours(2));
}

TEST(StoreClock, DoesNotJumpWhenTheLocalClockIsSetRight) {
  const auto store = NewMemoryStore();
  FakeClock local(absl::Now() - absl::Hours(1));
  absl::Duration steady = absl::Hours(7);
  StoreClock clock(*store, local, [&] { return steady; });
  ASSERT_TRUE(clock.Refresh().ok());
  const absl::Time before = clock.Now();
  local.Advance(absl::Hours(1));
  steady += absl::Seconds(1);
  EXPECT_EQ(clock.Now() - before, absl::Seconds(1));
}

}  // namespace
}  // namespace stockroom::api
