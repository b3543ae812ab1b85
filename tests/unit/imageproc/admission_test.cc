#include "services/imageproc/core/admission.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <random>
#include <thread>
#include <vector>

#include "services/common/base/status.h"
#include "services/imageproc/core/admission_queue.h"

namespace stockroom::imageproc {
namespace {

using ::testing::ElementsAre;
using Id = AdmissionQueue::Id;

constexpr RenderCost kCheap{.cpu_ms = 20, .memory_bytes = 10 << 20};
constexpr RenderCost kExpensive{.cpu_ms = 1000, .memory_bytes = 100 << 20};

// A queue whose time a test moves.
class Line {
 public:
  explicit Line(const AdmissionOptions& options) : queue(options) {}

  Id Enter(const RenderCost& cost, WorkClass work = WorkClass::kInteractive) {
    const auto id = queue.Enter(cost, 1000, work, now);
    EXPECT_TRUE(id.ok()) << id.status();
    queue.Ready(*id);
    return *id;
  }
  absl::Status Refused(const RenderCost& cost, int64_t held = 1000) {
    return queue.Enter(cost, held, WorkClass::kInteractive, now).status();
  }
  std::vector<Id> Start() {
    std::vector<Id> started;
    while (const auto id = queue.StartNext(now)) started.push_back(*id);
    return started;
  }

  void Leave(Id id) { queue.Leave(id, now); }

  AdmissionQueue queue;
  absl::Time now = absl::UnixEpoch();
};

TEST(AdmissionQueueTest, CheapWorkGoesBeforeExpensiveWorkThatCameALittleEarlier) {
  Line line({.slots = 1});
  const Id first = line.Enter(kCheap);
  ASSERT_THAT(line.Start(), ElementsAre(first));
  const Id expensive = line.Enter(kExpensive);
  line.now += absl::Milliseconds(10);
  const Id cheap = line.Enter(kCheap);
  EXPECT_THAT(line.Start(), ElementsAre());
  line.Leave(first);
  EXPECT_THAT(line.Start(), ElementsAre(cheap));
  line.Leave(cheap);
  EXPECT_THAT(line.Start(), ElementsAre(expensive));
}

TEST(AdmissionQueueTest, ExpensiveWorkLetsPassOnlyWhatComesWithinItsOwnCost) {
  Line line({.slots = 1, .max_wait = absl::Hours(1), .max_renders = 1000});
  Id running = line.Enter(kCheap);
  line.Start();
  const absl::Time entered = line.now;
  const Id expensive = line.Enter(kExpensive);
  std::map<Id, absl::Time> cheap;
  // Cheap work never stops coming, twice as much as can be done.
  for (;;) {
    for (int i = 0; i < 2; ++i) cheap[line.Enter(kCheap)] = line.now;
    line.now += absl::Milliseconds(20);
    ASSERT_LT(line.now - entered, absl::Seconds(10)) << "it starves";
    line.Leave(running);
    const std::vector<Id> next = line.Start();
    ASSERT_EQ(next.size(), 1U);
    running = next[0];
    if (running == expensive) break;
    EXPECT_LE(cheap.at(running) - entered, absl::Seconds(1));
  }
}

TEST(AdmissionQueueTest, ExpensiveWorkLeavesASlotFree) {
  Line line({.slots = 3, .job_slots = 2, .max_wait = absl::Hours(1)});
  const Id one = line.Enter(kExpensive);
  const Id two = line.Enter(kExpensive);
  const Id three = line.Enter(kExpensive);
  EXPECT_THAT(line.Start(), ElementsAre(one, two));
  const Id cheap = line.Enter(kCheap);
  EXPECT_THAT(line.Start(), ElementsAre(cheap));
  line.Leave(cheap);
  EXPECT_THAT(line.Start(), ElementsAre());
  line.Leave(one);
  EXPECT_THAT(line.Start(), ElementsAre(three));
}

TEST(AdmissionQueueTest, ASingleSlotTakesExpensiveWorkToo) {
  Line line({.slots = 1, .job_slots = 1});
  const Id one = line.Enter(kExpensive);
  EXPECT_THAT(line.Start(), ElementsAre(one));
}

TEST(AdmissionQueueTest, JobsLeaveASlotToRenders) {
  Line line({.slots = 4, .job_slots = 2});
  const RenderCost unknown{.cpu_ms = 1};  // a job that is thought to be cheap
  const Id one = line.Enter(unknown, WorkClass::kJob);
  const Id two = line.Enter(unknown, WorkClass::kJob);
  line.Enter(unknown, WorkClass::kJob);
  EXPECT_THAT(line.Start(), ElementsAre(one, two));
  const Id render = line.Enter(kCheap);
  EXPECT_THAT(line.Start(), ElementsAre(render));
}

TEST(AdmissionQueueTest, RendersGoBeforeJobsAndJobsDoNotStarve) {
  Line line({.slots = 1, .job_slots = 1, .max_wait = absl::Hours(1)});
  const Id running = line.Enter(kCheap);
  line.Start();
  const Id job = line.Enter(kCheap, WorkClass::kJob);
  line.now += absl::Milliseconds(1500);
  const Id early = line.Enter(kCheap);
  line.now += absl::Milliseconds(1500);
  const Id late = line.Enter(kCheap);
  line.Leave(running);
  EXPECT_THAT(line.Start(), ElementsAre(early));
  line.Leave(early);
  EXPECT_THAT(line.Start(), ElementsAre(job));
  line.Leave(job);
  EXPECT_THAT(line.Start(), ElementsAre(late));
}

TEST(AdmissionQueueTest, WhatStillFetchesHoldsNoSlot) {
  Line line({.slots = 1});
  const auto fetching = line.queue.Enter(kCheap, 1000, WorkClass::kInteractive, line.now);
  const Id ready = line.Enter(kCheap);
  EXPECT_THAT(line.Start(), ElementsAre(ready));
  line.queue.Ready(*fetching);
  EXPECT_THAT(line.Start(), ElementsAre());
  line.Leave(ready);
  EXPECT_THAT(line.Start(), ElementsAre(*fetching));
}

TEST(AdmissionQueueTest, RefusesWhatWouldWaitTooLongAndSaysWhenToComeBack) {
  Line line({.slots = 2, .max_wait = absl::Seconds(3)});
  for (int i = 0; i < 4; ++i) line.Enter(kExpensive);
  line.Start();  // one runs, the others follow it one after the other
  EXPECT_EQ(line.queue.PredictWait(kExpensive, WorkClass::kInteractive, line.now),
            absl::Seconds(4));
  const absl::Status busy = line.Refused(kExpensive);
  EXPECT_TRUE(absl::IsResourceExhausted(busy)) << busy;
  EXPECT_EQ(DetailsOf(busy).reason, "WORKER_BUSY");
  EXPECT_EQ(DetailsOf(busy).retry_after, absl::Seconds(1));
  // The promise is kept, although the expected did not quite end.
  line.now += *DetailsOf(busy).retry_after;
  EXPECT_TRUE(line.Refused(kExpensive).ok());
}

TEST(AdmissionQueueTest, PredictsAtThePaceOfLate) {
  Line line({.slots = 1, .max_wait = absl::Seconds(3)});
  // Everything takes four times as long as predicted.
  for (int i = 0; i < 200; ++i) {
    const Id id = line.Enter(kExpensive);
    ASSERT_EQ(line.Start().size(), 1U);
    line.now += absl::Seconds(4);
    line.Leave(id);
  }
  EXPECT_NEAR(line.queue.pace(), 4, 0.1);
  line.Enter(kExpensive);
  line.Start();
  const absl::Status busy = line.Refused(kExpensive);
  EXPECT_EQ(DetailsOf(busy).reason, "WORKER_BUSY");
  EXPECT_NEAR(absl::ToDoubleSeconds(*DetailsOf(busy).retry_after), 1, 0.1);
}

TEST(AdmissionQueueTest, AQueueFullOfExpensiveWorkStillTakesTheCheap) {
  Line line({.slots = 2, .max_wait = absl::Seconds(3)});
  while (line.Refused(kExpensive).ok()) {
  }
  EXPECT_EQ(line.queue.PredictWait(kCheap, WorkClass::kInteractive, line.now),
            absl::ZeroDuration());
  EXPECT_TRUE(line.Refused(kCheap).ok());
}

TEST(AdmissionQueueTest, TakesEvenTheLargestWhenNothingWaits) {
  Line line(
      {.slots = 2, .max_wait = absl::Seconds(1), .max_held_bytes = 10, .max_running_bytes = 10});
  const RenderCost huge{.cpu_ms = 60'000, .memory_bytes = int64_t{1} << 40};
  const Id id = line.Enter(huge);
  EXPECT_THAT(line.Start(), ElementsAre(id));
}

TEST(AdmissionQueueTest, IsBoundedByNumberAndByBytesButNotForJobs) {
  Line line({.slots = 1, .max_renders = 2, .max_held_bytes = 5000});
  line.Enter(kCheap);
  EXPECT_EQ(DetailsOf(line.Refused(kCheap, 4001)).reason, "WORKER_BUSY");
  const Id second = line.Enter(kCheap);
  const absl::Status busy = line.Refused(kCheap);
  EXPECT_TRUE(absl::IsResourceExhausted(busy));
  EXPECT_GE(*DetailsOf(busy).retry_after, absl::Milliseconds(1));
  line.Enter(kCheap, WorkClass::kJob);
  line.Leave(second);
  EXPECT_TRUE(line.Refused(kCheap).ok());
}

TEST(AdmissionQueueTest, WorkThatNeedsMuchMemoryLetsOthersPassForAWhileOnly) {
  Line line({.slots = 3, .max_running_bytes = 100 << 20});
  const RenderCost large{.cpu_ms = 20, .memory_bytes = 95 << 20};
  const Id small = line.Enter(kCheap);
  line.Start();
  const Id waiting = line.Enter(large);
  const Id passing = line.Enter(kCheap);
  EXPECT_THAT(line.Start(), ElementsAre(passing));
  line.now += absl::Seconds(3);
  const Id late = line.Enter(kCheap);
  EXPECT_THAT(line.Start(), ElementsAre());
  line.Leave(small);
  EXPECT_THAT(line.Start(), ElementsAre());
  line.Leave(passing);
  EXPECT_THAT(line.Start(), ElementsAre(waiting));
  line.Leave(waiting);
  EXPECT_THAT(line.Start(), ElementsAre(late));
}

// Whatever comes and goes, the rules hold after every step and the line empties in the end.
TEST(AdmissionQueueTest, KeepsItsRulesUnderAnySchedule) {
  for (uint32_t seed = 0; seed < 200; ++seed) {
    std::mt19937 random(seed);
    const int slots = static_cast<int>(1 + random() % 4);
    Line line({.slots = slots, .job_slots = std::max(1, slots - 1), .max_renders = 20});
    std::vector<Id> there;
    std::vector<Id> running;
    const auto start = [&] {
      for (const Id id : line.Start()) running.push_back(id);
      ASSERT_LE(line.queue.running(), slots);
      if (line.queue.waiting() == 0) return;
      ASSERT_GE(line.queue.running(), slots > 1 ? slots - 1 : 1);
    };
    for (int step = 0; step < 300; ++step) {
      line.now += absl::Milliseconds(random() % 50);
      if (random() % 2 == 0) {
        const RenderCost cost{.cpu_ms = static_cast<double>(random() % 400),
                              .memory_bytes = static_cast<int64_t>(random() % (100 << 20))};
        const auto work = random() % 3 == 0 ? WorkClass::kJob : WorkClass::kInteractive;
        const auto id = line.queue.Enter(cost, 1, work, line.now);
        if (id.ok()) {
          line.queue.Ready(*id);
          there.push_back(*id);
        }
      } else if (!there.empty()) {
        const size_t i = random() % there.size();
        std::erase(running, there[i]);
        line.Leave(there[i]);
        there.erase(there.begin() + static_cast<ptrdiff_t>(i));
      }
      start();
    }
    while (!running.empty()) {
      line.Leave(running.back());
      running.pop_back();
      start();
    }
    ASSERT_EQ(line.queue.waiting(), 0) << "seed " << seed;
    ASSERT_EQ(line.queue.held_bytes(), 0);
  }
}

// ---- with threads -------------------------------------------------------------------------------

class AdmissionTest : public ::testing::Test {
 protected:
  void AwaitWaiting(int64_t count) {
    const Gauge& waiting = metrics_.GetGauge("stockroom_admission_waiting", "");
    const absl::Time end = absl::Now() + absl::Seconds(10);
    while (waiting.value() != count && absl::Now() < end) std::this_thread::yield();
    ASSERT_EQ(waiting.value(), count);
  }
  std::unique_ptr<Admission::Ticket> Enter() {
    return *admission_.Enter(kCheap, 1, WorkClass::kInteractive);
  }

  Metrics metrics_;
  Admission admission_{{.slots = 1}, metrics_};
  const CallContext context_ = CallContext::WithTimeout(absl::Seconds(60));
};

TEST_F(AdmissionTest, ASlotIsFreeAgainWhenItsTicketGoes) {
  auto first = Enter();
  ASSERT_TRUE(first->AwaitSlot(context_).ok());
  auto second = Enter();
  std::thread thread([&] { EXPECT_TRUE(second->AwaitSlot(context_).ok()); });
  AwaitWaiting(1);
  first.reset();
  thread.join();
}

TEST_F(AdmissionTest, WaitingEndsAtTheDeadlineAndWhenCancelled) {
  const auto first = Enter();
  ASSERT_TRUE(first->AwaitSlot(context_).ok());
  auto second = Enter();
  EXPECT_TRUE(
      absl::IsDeadlineExceeded(second->AwaitSlot(CallContext::WithTimeout(absl::Milliseconds(5)))));
  second = Enter();
  const CallContext cancelled = CallContext::WithTimeout(absl::Hours(1));
  std::thread thread([&] { EXPECT_TRUE(absl::IsCancelled(second->AwaitSlot(cancelled))); });
  cancelled.cancellation->Cancel();
  thread.join();
  second.reset();
  AwaitWaiting(0);
}

TEST_F(AdmissionTest, AnAbandonedPlaceIsNobodysTurn) {
  auto first = Enter();
  ASSERT_TRUE(first->AwaitSlot(context_).ok());
  auto given_up = Enter();
  const CallContext brief = CallContext::WithTimeout(absl::ZeroDuration());
  EXPECT_TRUE(absl::IsDeadlineExceeded(given_up->AwaitSlot(brief)));
  first.reset();  // its turn comes while nobody waits for it
  given_up.reset();
  EXPECT_TRUE(Enter()->AwaitSlot(context_).ok());
}

TEST_F(AdmissionTest, ManyThreadsNeverHoldMoreThanTheSlots) {
  std::atomic<int> inside = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 16; ++i) {
    threads.emplace_back([&] {
      for (int turn = 0; turn < 100; ++turn) {
        const auto ticket = Enter();
        ASSERT_TRUE(ticket->AwaitSlot(context_).ok());
        EXPECT_EQ(++inside, 1);
        --inside;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  AwaitWaiting(0);
}

}  // namespace
}  // namespace stockroom::imageproc
