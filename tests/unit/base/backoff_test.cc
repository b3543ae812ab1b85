#include "services/common/base/backoff.h"

#include <gtest/gtest.h>

namespace stockroom {
namespace {

TEST(Backoff, StaysBetweenFloorAndAGrowingCeiling) {
  Backoff backoff({.floor = absl::Milliseconds(10),
                   .first = absl::Milliseconds(100),
                   .longest = absl::Milliseconds(400)});
  for (const int ceiling_ms : {100, 200, 400, 400, 400}) {
    const absl::Duration wait = backoff.Next();
    EXPECT_GE(wait, absl::Milliseconds(10));
    EXPECT_LE(wait, absl::Milliseconds(ceiling_ms));
  }
  backoff.Reset();
  EXPECT_LE(backoff.Next(), absl::Milliseconds(100));
}

TEST(Backoff, TwoOfThemDoNotComeBackTogether) {
  Backoff one({.longest = absl::Hours(1)});
  Backoff other({.longest = absl::Hours(1)});
  int different = 0;
  for (int i = 0; i < 8; ++i) different += one.Next() != other.Next();
  EXPECT_GT(different, 0);
}

}  // namespace
}  // namespace stockroom
