#include "services/common/base/cancellation.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "services/common/base/call_context.h"

namespace stockroom {
namespace {

TEST(Cancellation, RunsEveryCallbackOnce) {
  Cancellation cancellation;
  int first = 0;
  int second = 0;
  const auto a = cancellation.OnCancel([&] { ++first; });
  const auto b = cancellation.OnCancel([&] { ++second; });
  EXPECT_FALSE(cancellation.cancelled());
  cancellation.Cancel();
  cancellation.Cancel();
  EXPECT_TRUE(cancellation.cancelled());
  EXPECT_EQ(first, 1);
  EXPECT_EQ(second, 1);
}

TEST(Cancellation, ACallbackRegisteredTooLateRunsAtOnce) {
  Cancellation cancellation;
  cancellation.Cancel();
  int runs = 0;
  const auto registration = cancellation.OnCancel([&] { ++runs; });
  EXPECT_EQ(runs, 1);
}

TEST(Cancellation, AnUnregisteredCallbackNeverRuns) {
  Cancellation cancellation;
  int runs = 0;
  cancellation.OnCancel([&] { ++runs; }).reset();
  cancellation.Cancel();
  EXPECT_EQ(runs, 0);
}

TEST(Cancellation, ACallbackMayUnregisterItself) {
  Cancellation cancellation;
  std::unique_ptr<Cancellation::Registration> registration;
  registration = cancellation.OnCancel([&] { registration.reset(); });
  cancellation.Cancel();
  EXPECT_EQ(registration, nullptr);
}

TEST(Cancellation, UnregisteringWaitsForARunningCallback) {
  for (int round = 0; round < 200; ++round) {
    Cancellation cancellation;
    std::atomic<bool> over{false};
    std::atomic<bool> entered{false};
    bool touched_after_end = false;
    auto registration = cancellation.OnCancel([&] {
      entered = true;
      std::this_thread::yield();
      touched_after_end = over.load();
    });
    std::thread canceller([&] { cancellation.Cancel(); });
    while (!entered) std::this_thread::yield();
    registration.reset();
    over = true;  // what the callback refers to may go now
    canceller.join();
    EXPECT_FALSE(touched_after_end);
  }
}

TEST(CallContext, SaysWhyWorkIsInVain) {
  CallContext context = CallContext::WithTimeout(absl::Hours(1));
  EXPECT_TRUE(context.Check().ok());
  context.deadline = absl::Now() - absl::Seconds(1);
  EXPECT_TRUE(absl::IsDeadlineExceeded(context.Check()));
  context.cancellation->Cancel();
  EXPECT_TRUE(absl::IsCancelled(context.Check()));
}

}  // namespace
}  // namespace stockroom
