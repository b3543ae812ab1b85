#include "services/common/http/patience.h"

#include <gtest/gtest.h>

namespace stockroom::http {
namespace {

constexpr Pace kPace{absl::Seconds(30), absl::Seconds(10), 1000};

TEST(Patience, AByteNowAndThenIsNotEnough) {
  Patience patience(kPace);
  absl::Duration held;
  while (patience.left() > absl::ZeroDuration()) {
    patience.Spend(absl::Seconds(2), 1);
    held += absl::Seconds(2);
  }
  EXPECT_LE(held, absl::Seconds(12));
}

TEST(Patience, WhoKeepsUpMayGoOnForEver) {
  Patience patience(kPace);
  for (int i = 0; i < 10'000; ++i) {
    patience.Spend(absl::Seconds(1), 1000);
    ASSERT_GT(patience.left(), absl::ZeroDuration());
  }
}

TEST(Patience, SpeedBuysNoMoreThanTheLongestPause) {
  Patience patience(kPace);
  patience.Spend(absl::Milliseconds(1), 1 << 30);
  EXPECT_LE(patience.left(), absl::Seconds(30));
  patience.Spend(absl::Seconds(31), 0);
  EXPECT_LE(patience.left(), absl::ZeroDuration());
}

TEST(Patience, WhoMovedEnoughDuringTheLongestPauseHasItAgain) {
  Patience patience(kPace);
  patience.Spend(absl::Microseconds(10), 1 << 20);
  // A timer that went off a little late found what was acknowledged meanwhile.
  patience.Spend(patience.left() + absl::Microseconds(100), 1 << 20);
  EXPECT_EQ(patience.left(), absl::Seconds(30));
}

TEST(Patience, WithoutARateOnlyPausesCount) {
  Patience patience({absl::Seconds(30), absl::Seconds(10), 0});
  for (int i = 0; i < 100; ++i) patience.Spend(absl::Seconds(29), 1);
  EXPECT_EQ(patience.left(), absl::Seconds(30));
  patience.Spend(absl::Seconds(31), 0);
  EXPECT_LE(patience.left(), absl::ZeroDuration());
}

}  // namespace
}  // namespace stockroom::http
