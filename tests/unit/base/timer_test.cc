#include "services/common/base/timer.h"

#include <gtest/gtest.h>

#include <future>

#include "absl/time/clock.h"

namespace stockroom {
namespace {

TEST(TimerQueue, RunsInTheOrderOfTime) {
  TimerQueue timers;
  std::promise<std::string> result;
  std::string order;
  const absl::Time soon = absl::Now() + absl::Milliseconds(20);
  timers.RunAt(soon + absl::Milliseconds(2), [&] {
    order += "c";
    result.set_value(order);
  });
  timers.RunAt(soon, [&] { order += "a"; });
  timers.RunAt(soon + absl::Milliseconds(1), [&] { order += "b"; });
  EXPECT_EQ(result.get_future().get(), "abc");
}

TEST(TimerQueue, ACancelledCallbackNeverRuns) {
  TimerQueue timers;
  bool ran = false;
  const TimerQueue::Id id = timers.RunAt(absl::Now() + absl::Milliseconds(10), [&] { ran = true; });
  EXPECT_TRUE(timers.Cancel(id));
  EXPECT_FALSE(timers.Cancel(id));
  std::promise<void> later;
  timers.RunAt(absl::Now() + absl::Milliseconds(20), [&] { later.set_value(); });
  later.get_future().wait();
  EXPECT_FALSE(ran);
}

TEST(TimerQueue, ACallbackMaySetTheNext) {
  TimerQueue timers;
  std::promise<void> second;
  timers.RunAt(absl::Now(), [&] { timers.RunAt(absl::Now(), [&] { second.set_value(); }); });
  second.get_future().wait();
}

TEST(TimerQueue, EndsWithoutRunningWhatIsNotDue) {
  bool ran = false;
  {
    TimerQueue timers;
    timers.RunAt(absl::InfiniteFuture(), [&] { ran = true; });
  }
  EXPECT_FALSE(ran);
}

}  // namespace
}  // namespace stockroom
