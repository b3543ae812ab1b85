#include "services/common/base/executor.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>

#include "services/common/base/status.h"

namespace stockroom {
namespace {

TEST(Executor, RunsWhatItAcceptedBeforeItEnds) {
  Metrics metrics;
  std::atomic<int> runs{0};
  {
    Executor executor({.name = "test", .threads = 3, .max_queued = 1000}, metrics);
    for (int i = 0; i < 500; ++i) ASSERT_TRUE(executor.Submit([&] { ++runs; }).ok());
  }
  EXPECT_EQ(runs, 500);
}

TEST(Executor, SaysSoWhenItsQueueIsFull) {
  Metrics metrics;
  std::promise<void> release;  // outlives the task that waits for it
  std::promise<void> busy;
  std::future<void> released = release.get_future();
  Executor executor({.name = "test", .threads = 1, .max_queued = 2}, metrics);
  ASSERT_TRUE(executor
                  .Submit([&] {
                    busy.set_value();
                    released.wait();
                  })
                  .ok());
  busy.get_future().wait();
  EXPECT_TRUE(executor.Submit([] {}).ok());
  EXPECT_TRUE(executor.Submit([] {}).ok());
  const absl::Status refused = executor.Submit([] {});
  EXPECT_TRUE(absl::IsResourceExhausted(refused));
  EXPECT_TRUE(DetailsOf(refused).retry_after.has_value());
  EXPECT_TRUE(executor.SubmitAdmitted([] {})) << "admitted work is bounded elsewhere";
  release.set_value();
}

TEST(Executor, RefusesAfterShutdown) {
  Metrics metrics;
  Executor executor({.name = "test"}, metrics);
  executor.Shutdown();
  EXPECT_TRUE(absl::IsUnavailable(executor.Submit([] {})));
  EXPECT_FALSE(executor.SubmitAdmitted([] {}));
}

}  // namespace
}  // namespace stockroom
