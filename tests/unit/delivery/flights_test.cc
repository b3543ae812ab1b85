#include "services/api/domain/flights.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <random>
#include <thread>

namespace stockroom::api {
namespace {

using IntFlights = Flights<int>;
using Outcome = IntFlights::Outcome;

const Digest kOriginal = Digest::Of("a");
const RenditionAddress kAddress{kOriginal, "key"};

// A worker that finishes when it is told to.
class Work {
 public:
  IntFlights::Start Start() {
    return [this](const CallContext& context, IntFlights::Done done) {
      ++started;
      context_ = context;
      done_ = std::move(done);
    };
  }
  void Finish(Outcome outcome) { std::exchange(done_, nullptr)(std::move(outcome)); }
  bool cancelled() const { return context_.cancellation->cancelled(); }

  int started = 0;

 private:
  CallContext context_;
  IntFlights::Done done_;
};

class FlightsTest : public ::testing::Test {
 protected:
  static CallContext Call(absl::Duration timeout = absl::Seconds(20)) {
    return CallContext::WithTimeout(timeout);
  }
  std::future<Outcome> Join(IntFlights& flights, const CallContext& context,
                            const RenditionAddress& address = kAddress) {
    auto promise = std::make_shared<std::promise<Outcome>>();
    auto future = promise->get_future();
    flights.Join(address, context, work_.Start(),
                 [promise](Outcome outcome) { promise->set_value(std::move(outcome)); });
    return future;
  }
  static bool Open(const std::future<Outcome>& future) {
    return future.wait_for(std::chrono::seconds(0)) == std::future_status::timeout;
  }

  TimerQueue timers_;
  Work work_;
};

TEST_F(FlightsTest, EqualRequestsAtTheSameTimeShareOneComputation) {
  IntFlights flights({}, timers_);
  auto first = Join(flights, Call());
  auto second = Join(flights, Call());
  EXPECT_EQ(work_.started, 1);
  EXPECT_EQ(flights.waiting(), 2u);
  work_.Finish(7);
  EXPECT_EQ(*first.get(), 7);
  EXPECT_EQ(*second.get(), 7);
  EXPECT_EQ(flights.running(), 0);
  auto third = Join(flights, Call());
  EXPECT_EQ(work_.started, 2);
  work_.Finish(absl::NotFoundError("gone"));
  EXPECT_TRUE(absl::IsNotFound(third.get().status()));
}

TEST_F(FlightsTest, OneWhoLeavesDoesNotStopTheWorkForTheOthers) {
  IntFlights flights({}, timers_);
  const CallContext leaving = Call();
  auto first = Join(flights, leaving);
  auto second = Join(flights, Call());
  leaving.cancellation->Cancel();
  EXPECT_TRUE(absl::IsCancelled(first.get().status()));
  EXPECT_FALSE(work_.cancelled());
  work_.Finish(1);
  EXPECT_EQ(*second.get(), 1);
}

TEST_F(FlightsTest, TheWorkIsCancelledWhenTheLastOneLeft) {
  IntFlights flights({}, timers_);
  const CallContext a = Call();
  const CallContext b = Call();
  auto first = Join(flights, a);
  auto second = Join(flights, b);
  a.cancellation->Cancel();
  b.cancellation->Cancel();
  EXPECT_TRUE(work_.cancelled());
  EXPECT_EQ(flights.running(), 1) << "until the work has said that it ended";
  work_.Finish(absl::CancelledError());
  EXPECT_EQ(flights.running(), 0);
}

TEST_F(FlightsTest, WhoComesAfterTheLastLeftGetsWorkOfTheirOwn) {
  IntFlights flights({}, timers_);
  const CallContext a = Call();
  auto first = Join(flights, a);
  Work old = std::exchange(work_, Work());
  a.cancellation->Cancel();
  auto second = Join(flights, Call());
  EXPECT_EQ(work_.started, 1);
  old.Finish(absl::CancelledError());
  EXPECT_TRUE(Open(second));
  work_.Finish(2);
  EXPECT_EQ(*second.get(), 2);
}

TEST_F(FlightsTest, EachWaiterHasItsOwnDeadline) {
  IntFlights flights({}, timers_);
  auto patient = Join(flights, Call());
  auto hasty = Join(flights, Call(absl::Milliseconds(1)));
  EXPECT_TRUE(absl::IsDeadlineExceeded(hasty.get().status()));
  EXPECT_TRUE(Open(patient));
  work_.Finish(3);
  EXPECT_EQ(*patient.get(), 3);
}

TEST_F(FlightsTest, PastEitherBoundCallersAreToldWhenToComeBack) {
  IntFlights flights({.most = 1, .most_waiting = 2}, timers_);
  auto first = Join(flights, Call());
  const absl::Status other = Join(flights, Call(), {kOriginal, "other"}).get().status();
  EXPECT_TRUE(absl::IsResourceExhausted(other));
  EXPECT_EQ(DetailsOf(other).reason, "RENDER_QUEUE_FULL");
  EXPECT_TRUE(DetailsOf(other).retry_after.has_value());
  auto second = Join(flights, Call());
  EXPECT_TRUE(absl::IsResourceExhausted(Join(flights, Call()).get().status()));
  EXPECT_FALSE(work_.cancelled());
  work_.Finish(4);
  EXPECT_EQ(*second.get(), 4);
  EXPECT_EQ(flights.running(), 0);
}

TEST_F(FlightsTest, APurgeVoidsWhatIsUnderWayForThisOriginalOnly) {
  IntFlights flights({}, timers_);
  auto voided = Join(flights, Call());
  Work first = std::exchange(work_, Work());
  auto kept = Join(flights, Call(), {Digest::Of("b"), "key"});
  flights.Abort(kOriginal);
  EXPECT_EQ(DetailsOf(voided.get().status()).reason, "PURGED");
  EXPECT_TRUE(first.cancelled());
  EXPECT_FALSE(work_.cancelled());
  Work second = std::exchange(work_, Work());
  auto anew = Join(flights, Call());
  EXPECT_EQ(work_.started, 1) << "what comes after the purge shares nothing with what was before";
  first.Finish(1);
  EXPECT_TRUE(Open(anew));
  work_.Finish(2);
  EXPECT_EQ(*anew.get(), 2);
  second.Finish(3);
  EXPECT_EQ(*kept.get(), 3);
}

TEST_F(FlightsTest, DrainingWaitsForTheWork) {
  IntFlights flights({}, timers_);
  auto first = Join(flights, Call());
  std::thread finisher([&] {
    while (!work_.cancelled()) std::this_thread::yield();
    work_.Finish(absl::CancelledError());
  });
  flights.Drain();
  EXPECT_EQ(flights.running(), 0);
  finisher.join();
}

TEST_F(FlightsTest, EverybodyIsAnsweredOnceWhateverHappensAtOnce) {
  IntFlights flights({.most = 8, .most_waiting = 64}, timers_);
  std::atomic<int> answered = 0;
  constexpr int kThreads = 4;
  constexpr int kEach = 400;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        std::mt19937 random(t);
        std::vector<std::jthread> workers;
        for (int i = 0; i < kEach; ++i) {
          const CallContext context = Call(absl::Microseconds(random() % 2000));
          const RenditionAddress address{kOriginal, std::to_string(random() % 4)};
          flights.Join(
              address, context,
              [&](const CallContext&, IntFlights::Done done) {
                if (random() % 2 == 0) return done(1);
                workers.emplace_back([done = std::move(done)]() mutable { done(2); });
              },
              [&](const Outcome&) { ++answered; });
          if (random() % 4 == 0) context.cancellation->Cancel();
          if (random() % 16 == 0) flights.Abort(kOriginal);
        }
      });
    }
  }
  flights.Drain();
  while (flights.waiting() > 0) std::this_thread::yield();
  timers_.Stop();
  EXPECT_EQ(answered, kThreads * kEach);
}

}  // namespace
}  // namespace stockroom::api
