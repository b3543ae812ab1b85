#include "services/common/base/background_loop.h"

#include <gtest/gtest.h>

#include <future>

namespace stockroom {
namespace {

constexpr absl::Duration kForEver = absl::Hours(1);

TEST(BackgroundLoopTest, APokeEndsThePauseAlsoOneThatCameBefore) {
  std::promise<void> twice;
  BackgroundLoop loop;
  loop.Poke();
  loop.Start("test", [&] {
    int rounds = 0;
    while (loop.Sleep(kForEver)) {
      if (++rounds == 2) twice.set_value();
      if (rounds == 1) loop.Poke();
    }
  });
  twice.get_future().wait();
}

TEST(BackgroundLoopTest, StopEndsThePauseAndWaitsForTheEnd) {
  bool ended = false;
  BackgroundLoop loop;
  loop.Start("test", [&] {
    while (loop.Sleep(kForEver)) {
    }
    ended = true;
  });
  loop.Stop();
  EXPECT_TRUE(ended);
  EXPECT_TRUE(loop.stopping());
  loop.Stop();
}

TEST(BackgroundLoopTest, ALoopThatNeverStartedStops) { BackgroundLoop().Stop(); }

}  // namespace
}  // namespace stockroom
