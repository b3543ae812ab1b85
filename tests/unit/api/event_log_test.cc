#include "services/api/events/event_log.h"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <future>
#include <set>

#include "services/api/domain/catalog.h"
#include "services/common/base/mutex.h"
#include "tests/unit/api/backstage.h"
#include "tests/unit/api/forwarding_store.h"
#include "tests/unit/api/scripted_index.h"

namespace stockroom::api {
namespace {

std::vector<Event> Events(int64_t first, int64_t last) {
  std::vector<Event> events;
  for (int64_t p = first; p <= last; ++p) events.push_back({.position = p});
  return events;
}

TEST(EventLog, ReadersPullFromTheirOwnPosition) {
  Metrics metrics;
  EventLog log({}, metrics);
  EXPECT_TRUE(log.Read(0, 10).behind) << "nothing is known before the index is loaded";
  log.Restart(5);
  log.Append(Events(6, 9));
  EXPECT_TRUE(log.Read(4, 10).behind);
  EXPECT_EQ(log.Read(5, 10).events.size(), 4u);
  EXPECT_EQ(log.Read(5, 2).position, 7);
  EXPECT_EQ(log.Read(7, 10).events.front().position, 8);
  EXPECT_TRUE(log.Read(9, 10).events.empty());
  EXPECT_FALSE(log.Read(9, 10).behind);
}

TEST(EventLog, KeepsNoMoreThanItsBound) {
  Metrics metrics;
  EventLog log({.max_events = 3}, metrics);
  log.Restart(0);
  log.Append(Events(1, 10));
  EXPECT_TRUE(log.Read(6, 10).behind);
  EXPECT_EQ(log.Read(7, 10).events.size(), 3u);
  EXPECT_EQ(metrics.GetGauge("stockroom_event_log_events", "").value(), 3);
}

TEST(EventLog, AnEventThatComesTwiceIsThereOnce) {
  Metrics metrics;
  EventLog log({}, metrics);
  log.Restart(0);
  log.Append(Events(1, 3));
  log.Append(Events(2, 4));
  EXPECT_EQ(log.Read(0, 10).events.size(), 4u);
}

TEST(EventLog, WaitersAreCalledOnceAndNotAfterCancelling) {
  Metrics metrics;
  EventLog log({}, metrics);
  log.Restart(0);
  int called = 0;
  int cancelled = 0;
  log.WaitBeyond(0, [&] { ++called; });
  log.CancelWait(log.WaitBeyond(0, [&] { ++cancelled; }));
  EXPECT_EQ(log.waiting(), 1u);
  log.Append(Events(1, 1));
  log.Append(Events(2, 2));
  EXPECT_EQ(called, 1);
  EXPECT_EQ(cancelled, 0);
  EXPECT_EQ(log.waiting(), 0u);
  log.WaitBeyond(1, [&] { ++called; });
  EXPECT_EQ(called, 2) << "something newer is here already";
}

class FollowedLogTest : public Backstage {
 protected:
  struct Api {
    explicit Api(FollowedLogTest& test)
        : log({}, metrics),
          index(metrics),
          follower({.log = &log, .on_deleted = [](const std::string&) {}}, *test.store_, index,
                   position, test.completions_, metrics) {
      std::promise<void> ready;
      follower.Start([&] { ready.set_value(); });
      ready.get_future().wait();
    }
    void AwaitPosition(int64_t wanted) {
      ASSERT_TRUE(Await(position, wanted).ok());
      std::promise<void> there;
      log.WaitBeyond(wanted - 1, [&] { there.set_value(); });
      there.get_future().wait();
    }
    Metrics metrics;
    TimerQueue timers;
    FeedPosition position{timers};
    EventLog log;
    MemorySearchIndex index;
    FeedFollower follower;
  };
};

TEST_F(FollowedLogTest, AReaderGoesOnAtAnotherApiWhereItStopped) {
  Api one(*this);
  Api two(*this);
  const auto a = Upload(Png("a"));
  const auto b = Upload(Png("b"));
  one.AwaitPosition(b->feed_position);
  two.AwaitPosition(b->feed_position);
  const EventLog::Batch first = one.log.Read(0, 1);
  ASSERT_EQ(first.events.size(), 1u);
  EXPECT_EQ(first.events[0].image_id, a->image.id);
  const EventLog::Batch second = two.log.Read(first.position, 10);
  ASSERT_EQ(second.events.size(), 1u);
  EXPECT_EQ(second.events[0].image_id, b->image.id);
}

// The follower stands still while its part of the feed is trimmed.
TEST_F(FollowedLogTest, AFollowerThatFellBehindTheFeedStartsAnew) {
  Catalog catalog(*store_, blobs_, Clock::Real());
  const auto gone = Upload(Png("gone"));
  const LeasedJob job = Lease();
  ASSERT_TRUE(
      store_->CompleteJob({job.job.id, job.job.token}, {.facts = {.width = 1}}, absl::Now()).ok());
  Metrics metrics;
  FeedPosition position(timers_);
  EventLog log({}, metrics);
  MemorySearchIndex index(metrics);
  std::promise<void> loaded;
  std::promise<void> go_on;
  std::shared_future<void> may_go_on = go_on.get_future().share();
  FeedFollower follower({.log = &log, .on_deleted = [](const std::string&) {}}, *store_, index,
                        position, completions_, metrics);
  follower.Start([&] {
    loaded.set_value();
    may_go_on.wait();
  });
  loaded.get_future().wait();
  EXPECT_EQ(index.size(), 1);
  ASSERT_TRUE(catalog.Delete(Call(), Anna(), gone->image.id).ok());
  const auto last = Upload(Png("last"));
  ASSERT_TRUE(store_->TrimEvents(absl::InfiniteFuture(), 1000).ok());
  go_on.set_value();
  ASSERT_TRUE(Await(position, last->feed_position).ok());
  EXPECT_EQ(index.size(), 0) << "its deletion was never read";
}

// Breaks the first snapshot off at its end.
class BreakingStore final : public ForwardingStore {
 public:
  BreakingStore(MetadataStore& inner, std::function<void()> on_break)
      : ForwardingStore(inner), on_break_(std::move(on_break)) {}
  absl::StatusOr<int64_t> Snapshot(
      const std::function<absl::Status(std::vector<Image>)>& visit) override {
    auto position = ForwardingStore::Snapshot(visit);
    if (std::exchange(broken_, true)) return position;
    on_break_();
    return absl::UnavailableError("the connection is gone");
  }

 private:
  const std::function<void()> on_break_;
  bool broken_ = false;
};

TEST_F(FollowedLogTest, WhatAnUnfinishedFirstLoadLeftIsForgottenWhenItIsGone) {
  Catalog catalog(*store_, blobs_, Clock::Real());
  const auto gone = Upload(Png("gone"));
  const LeasedJob job = Lease();
  ASSERT_TRUE(
      store_->CompleteJob({job.job.id, job.job.token}, {.facts = {.width = 1}}, absl::Now()).ok());
  BreakingStore store(*store_,
                      [&] { ASSERT_TRUE(catalog.Delete(Call(), Anna(), gone->image.id).ok()); });
  Metrics metrics;
  FeedPosition position(timers_);
  MemorySearchIndex index(metrics);
  std::promise<void> loaded;
  FeedFollower follower({.poll = absl::Milliseconds(1)}, store, index, position, completions_,
                        metrics);
  follower.Start([&] { loaded.set_value(); });
  loaded.get_future().wait();
  EXPECT_EQ(index.size(), 0);
}

// An index that looks at the position while it is being changed.
class LookingIndex final : public ScriptedIndex {
 public:
  explicit LookingIndex(FeedPosition& position) : position_(position) {}
  std::vector<std::string> Apply(std::vector<Image> changed,
                                 const std::vector<std::string>&) override {
    if (!changed.empty()) seen.set_value(position_.Get());
    return {};
  }

  std::promise<int64_t> seen;

 private:
  FeedPosition& position_;
};

TEST_F(FollowedLogTest, APositionIsNamedOnlyOnceTheIndexHoldsIt) {
  Metrics metrics;
  FeedPosition position(timers_);
  LookingIndex index(position);
  FeedFollower follower({}, *store_, index, position, completions_, metrics);
  std::promise<void> loaded;
  follower.Start([&] { loaded.set_value(); });
  loaded.get_future().wait();
  const auto uploaded = Upload(Png("a"));
  follower.Poke();
  EXPECT_LT(index.seen.get_future().get(), uploaded->feed_position);
  EXPECT_TRUE(Await(position, uploaded->feed_position).ok());
}

// An index that takes in nothing while it is full.
class FillingIndex final : public ScriptedIndex {
 public:
  std::vector<std::string> Apply(std::vector<Image> changed,
                                 const std::vector<std::string>&) override {
    std::vector<std::string> lost;
    MutexLock lock(mu_);
    for (const Image& image : changed) {
      full_ ? lost.push_back(image.id) : static_cast<void>(taken_.insert(image.id));
    }
    refused_ = refused_ || !lost.empty();
    changed_.NotifyAll();
    return lost;
  }
  void SetFull(bool full) {
    MutexLock lock(mu_);
    full_ = full;
  }
  void AwaitRefused() {
    MutexLock lock(mu_);
    while (!refused_) changed_.Wait(mu_);
  }
  void AwaitTaken(const std::string& id) {
    MutexLock lock(mu_);
    while (!taken_.contains(id)) changed_.Wait(mu_);
  }

 private:
  Mutex mu_;
  CondVar changed_;
  bool full_ SR_GUARDED_BY(mu_) = false;
  bool refused_ SR_GUARDED_BY(mu_) = false;
  std::set<std::string> taken_ SR_GUARDED_BY(mu_);
};

class FullIndexTest : public FollowedLogTest {
 protected:
  void Start(FeedFollower& follower) {
    follower.Start([this] { loaded_.set_value(); });
  }
  static constexpr absl::Duration kSoon = absl::Milliseconds(1);
  bool WholeNow(FeedFollower& follower) {
    bool whole = false;
    EXPECT_TRUE(follower.Between([&] { whole = follower.whole(); }).ok());
    return whole;
  }

  Metrics metrics_;
  FeedPosition position_{timers_};
  FillingIndex index_;
  std::promise<void> loaded_;
};

TEST_F(FullIndexTest, WhatItCouldNotTakeInIsAppliedOnceThereIsRoom) {
  FeedFollower follower({.poll = absl::Milliseconds(1)}, *store_, index_, position_, completions_,
                        metrics_);
  Start(follower);
  loaded_.get_future().wait();
  EXPECT_TRUE(WholeNow(follower));
  index_.SetFull(true);
  const auto lost = Upload(Png("lost"));
  ASSERT_TRUE(Await(position_, lost->feed_position).ok());
  EXPECT_FALSE(follower.whole()) << "a checkpoint would keep the hole";
  index_.SetFull(false);
  index_.AwaitTaken(lost->image.id);
  EXPECT_TRUE(WholeNow(follower));
}

TEST_F(FullIndexTest, OfMoreThanItsBoundAllIsLoadedAnew) {
  FeedFollower follower({.poll = absl::Milliseconds(1), .most_lost = 1, .load_pause = kSoon},
                        *store_, index_, position_, completions_, metrics_);
  Start(follower);
  loaded_.get_future().wait();
  index_.SetFull(true);
  const auto one = Upload(Png("one"));
  const auto two = Upload(Png("two"));
  ASSERT_TRUE(Await(position_, two->feed_position).ok());
  EXPECT_FALSE(follower.whole());
  index_.SetFull(false);
  index_.AwaitTaken(one->image.id);
  index_.AwaitTaken(two->image.id);
  while (!WholeNow(follower)) follower.Poke();
}

TEST_F(FullIndexTest, AFewThatDoNotFitDoNotKeepItFromBeingReady) {
  const auto image = Upload(Png("a"));
  index_.SetFull(true);
  FeedFollower follower({.poll = absl::Milliseconds(1)}, *store_, index_, position_, completions_,
                        metrics_);
  Start(follower);
  loaded_.get_future().wait();
  EXPECT_FALSE(WholeNow(follower)) << "a checkpoint would keep the hole";
  EXPECT_GE(position_.Get(), image->feed_position);
  index_.SetFull(false);
  index_.AwaitTaken(image->image.id);
  EXPECT_TRUE(WholeNow(follower));
}

TEST_F(FullIndexTest, IsNotReadyWhileMoreThanItsBoundDoNotFit) {
  const auto image = Upload(Png("a"));
  index_.SetFull(true);
  FeedFollower follower({.poll = absl::Milliseconds(1), .most_lost = 0, .load_pause = kSoon},
                        *store_, index_, position_, completions_, metrics_);
  Start(follower);
  index_.AwaitRefused();
  EXPECT_FALSE(follower.ready());
  EXPECT_FALSE(follower.whole());
  index_.SetFull(false);
  loaded_.get_future().wait();
  index_.AwaitTaken(image->image.id);
  EXPECT_TRUE(follower.whole());
}

// Counts the loads.
class CountingStore final : public ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;
  absl::StatusOr<int64_t> Snapshot(
      const std::function<absl::Status(std::vector<Image>)>& visit) override {
    ++snapshots;
    return ForwardingStore::Snapshot(visit);
  }
  std::atomic<int> snapshots{0};
};

TEST_F(FullIndexTest, WhileItIsFullItFollowsOnAndDoesNotLoadAgainAndAgain) {
  CountingStore store(*store_);
  FeedFollower follower({.poll = absl::Milliseconds(1), .most_lost = 0}, store, index_, position_,
                        completions_, metrics_);
  Start(follower);
  loaded_.get_future().wait();
  index_.SetFull(true);
  const auto lost = Upload(Png("lost"));
  ASSERT_TRUE(Await(position_, lost->feed_position).ok());
  const auto later = Upload(Png("later"));
  ASSERT_TRUE(Await(position_, later->feed_position).ok());
  EXPECT_FALSE(WholeNow(follower));
  EXPECT_EQ(store.snapshots.load(), 1);
}

}  // namespace
}  // namespace stockroom::api
