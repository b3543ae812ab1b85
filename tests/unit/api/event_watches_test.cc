#include "services/api/events/event_watches.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>

#include "services/api/domain/catalog.h"
#include "services/common/base/status.h"
#include "tests/unit/api/backstage.h"
#include "tests/unit/api/forwarding_store.h"

namespace stockroom::api {
namespace {

class EventWatchesTest : public Backstage {
 protected:
  // The store's events go into the log by hand, as the follower would.
  void Follow() {
    const auto events = store_->ReadEvents(log_.last().value_or(0), 1000);
    ASSERT_TRUE(events.ok()) << events.status();
    log_.Append(*events);
  }
  static absl::StatusOr<WatchBatch> Begin(EventWatch& watch) {
    auto answer = std::make_shared<std::promise<absl::StatusOr<WatchBatch>>>();
    std::future<absl::StatusOr<WatchBatch>> future = answer->get_future();
    watch.Begin(
        [answer](absl::StatusOr<WatchBatch> batch) { answer->set_value(std::move(batch)); });
    return future.get();
  }
  static std::future<absl::StatusOr<WatchBatch>> Ask(EventWatch& watch) {
    auto answer = std::make_shared<std::promise<absl::StatusOr<WatchBatch>>>();
    std::future<absl::StatusOr<WatchBatch>> future = answer->get_future();
    watch.Next([answer](absl::StatusOr<WatchBatch> batch) { answer->set_value(std::move(batch)); });
    return future;
  }
  static absl::StatusOr<WatchBatch> Next(EventWatch& watch) { return Ask(watch).get(); }
  std::shared_ptr<EventWatch> Open(std::optional<int64_t> after, WatchFilter filter = {},
                                   const Principal& who = Anna()) {
    return *watches_.Open(who, std::move(filter), after);
  }
  static std::vector<std::string> Images(const absl::StatusOr<WatchBatch>& batch) {
    std::vector<std::string> ids;
    for (const Event& event : batch->events) ids.push_back(event.image_id);
    return ids;
  }
  std::string UploadOne(const std::string& bytes, Visibility visibility = Visibility::kPublic) {
    UploadRequest request;
    request.described.visibility = visibility;
    return Upload(Png(bytes), std::move(request))->image.id;
  }

  EventLog log_{{}, metrics_};
  EventWatches watches_{{.max_watchers = 2, .heartbeat = absl::Minutes(5), .batch = 3},
                        log_,
                        *store_,
                        executor_,
                        timers_,
                        metrics_};
};

TEST_F(EventWatchesTest, AWatchBeginsWhereItIsToldAndWaitsForWhatComes) {
  log_.Restart(0);
  const std::string first = UploadOne("a");
  Follow();
  const auto watch = Open(std::nullopt);
  const int64_t start = Begin(*watch)->position;
  EXPECT_EQ(start, log_.last());
  auto waiting = Ask(*watch);
  const std::string second = UploadOne("b");
  Follow();
  const auto batch = waiting.get();
  EXPECT_EQ(Images(batch), std::vector{second});
  EXPECT_EQ(batch->position, log_.last());
  const auto from_start = Open(0);
  EXPECT_EQ(Images(Next(*from_start)), (std::vector{first, second}));
}

TEST_F(EventWatchesTest, WhatTheLogDoesNotHoldAnyMoreComesFromTheStore) {
  std::vector<std::string> ids;
  for (const char* bytes : {"a", "b", "c", "d"}) ids.push_back(UploadOne(bytes));
  log_.Restart(store_->GetFeedRange()->last);
  const auto watch = Open(0);
  ASSERT_TRUE(Begin(*watch).ok());
  EXPECT_EQ(Images(Next(*watch)), (std::vector{ids[0], ids[1], ids[2]})) << "a batch has three";
  EXPECT_EQ(Images(Next(*watch)), std::vector{ids[3]});
  auto waiting = Ask(*watch);
  ids.push_back(UploadOne("e"));
  Follow();
  EXPECT_EQ(Images(waiting.get()), std::vector{ids[4]});
}

TEST_F(EventWatchesTest, NobodyIsToldOfImagesThatTheyMayNotFind) {
  log_.Restart(0);
  const std::string hidden = UploadOne("private", Visibility::kPrivate);
  UploadOne("unlisted", Visibility::kUnlisted);
  const std::string open = UploadOne("public");
  Follow();
  EXPECT_EQ(Images(Next(*Open(0, {}, Ben()))), std::vector{open});
  EXPECT_EQ(Images(Next(*Open(0))).front(), hidden);
}

TEST_F(EventWatchesTest, ShowsTheTypesAndTheImageThatWereAskedFor) {
  log_.Restart(0);
  UploadOne("a");
  const std::string id = UploadOne("b");
  Catalog catalog(*store_, blobs_, Clock::Real());
  ASSERT_TRUE(catalog.Delete(Call(), Anna(), id).ok());
  Follow();
  {
    const auto batch = Next(*Open(0, {.types = {kImageDeleted}}));
    EXPECT_EQ(Images(batch), std::vector{id});
    EXPECT_EQ(batch->events[0].type, kImageDeleted);
  }
  EXPECT_EQ(Images(Next(*Open(0, {.image_id = id}))), (std::vector{id, id}));
}

TEST_F(EventWatchesTest, APositionThatIsGoneOrWasNeverThereIsAnError) {
  UploadOne("a");
  UploadOne("b");
  const int64_t last = store_->GetFeedRange()->last;
  ASSERT_TRUE(store_->TrimEvents(absl::InfiniteFuture(), 1000).ok());
  log_.Restart(last);
  const absl::Status gone = Begin(*Open(0)).status();
  EXPECT_TRUE(absl::IsOutOfRange(gone));
  EXPECT_EQ(DetailsOf(gone).reason, kFeedTrimmed);
  EXPECT_EQ(DetailsOf(Begin(*Open(last + 5)).status()).reason, "FEED_POSITION_AHEAD");
  EXPECT_EQ(DetailsOf(watches_.Open(Anna(), {}, -1).status()).reason, "INVALID_FIELD");
}

// Another api answered a moment ago, and this one's log has not got there yet.
TEST_F(EventWatchesTest, APositionThatOnlyThisApiDoesNotKnowYetIsFine) {
  log_.Restart(0);
  const std::string first = UploadOne("a");
  const auto watch = Open(store_->GetFeedRange()->last);
  ASSERT_TRUE(Begin(*watch).ok());
  auto waiting = Ask(*watch);
  Follow();
  const std::string second = UploadOne("b");
  Follow();
  EXPECT_EQ(Images(waiting.get()), std::vector{second});
}

TEST_F(EventWatchesTest, FromNowMeansNothingBeforeTheIndexIsLoaded) {
  UploadOne("a");
  const absl::Status loading = watches_.Open(Anna(), {}, std::nullopt).status();
  EXPECT_EQ(DetailsOf(loading).reason, "INDEX_LOADING");
  const auto resumed = Open(0);
  ASSERT_TRUE(Begin(*resumed).ok());
  auto waiting = Ask(*resumed);
  log_.Restart(0);
  Follow();
  EXPECT_EQ(waiting.get()->events.size(), 1u);
}

// The store knows events that the index does not: whoever is told searches, and must find.
TEST_F(EventWatchesTest, AWatcherThatIsBehindIsNotToldMoreThanTheIndexHolds) {
  const std::string first = UploadOne("a");
  log_.Restart(store_->GetFeedRange()->last);
  const std::string second = UploadOne("b");
  const auto watch = Open(0);
  EXPECT_EQ(Images(Next(*watch)), std::vector{first});
  auto waiting = Ask(*watch);
  Follow();
  EXPECT_EQ(Images(waiting.get()), std::vector{second});
}

TEST_F(EventWatchesTest, DrainingEndsEveryWatchAndRefusesNewOnes) {
  log_.Restart(0);
  const auto watch = Open(std::nullopt);
  auto waiting = Ask(*watch);
  watches_.Drain();
  EXPECT_EQ(DetailsOf(waiting.get().status()).reason, "SHUTTING_DOWN");
  EXPECT_TRUE(absl::IsUnavailable(Next(*watch).status()));
  EXPECT_TRUE(absl::IsUnavailable(watches_.Open(Anna(), {}, 0).status()));
  EXPECT_EQ(log_.waiting(), 0u);
}

TEST_F(EventWatchesTest, WatchersAreCountedAndLeaveNothingBehind) {
  log_.Restart(0);
  auto one = Open(0);
  auto two = Open(0);
  EXPECT_TRUE(absl::IsResourceExhausted(watches_.Open(Anna(), {}, 0).status()));
  auto waiting = Ask(*one);
  one->End();
  EXPECT_TRUE(absl::IsCancelled(waiting.get().status()));
  EXPECT_EQ(log_.waiting(), 0u);
  one.reset();
  EXPECT_TRUE(watches_.Open(Anna(), {}, 0).ok());
}

// Its first reading of events takes until it is let go.
class SlowStore final : public ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;
  absl::StatusOr<std::vector<Event>> ReadEvents(int64_t position, int limit) override {
    auto events = ForwardingStore::ReadEvents(position, limit);
    if (!slow_.exchange(false)) return events;
    let_go.get_future().wait();
    return events;
  }
  std::promise<void> let_go;

 private:
  std::atomic<bool> slow_{true};
};

TEST_F(EventWatchesTest, ALookThatCameTooLateDoesNotAnswerALaterQuestion) {
  const std::string id = UploadOne("a");
  log_.Restart(store_->GetFeedRange()->last);
  SlowStore slow(*store_);
  EventWatches watches({.heartbeat = absl::Milliseconds(100)}, log_, slow, executor_, timers_,
                       metrics_);
  const auto watch = *watches.Open(Anna(), {}, 0);
  EXPECT_TRUE(Next(*watch)->events.empty()) << "a sign of life, while the store is slow";
  EXPECT_EQ(Images(Next(*watch)), std::vector{id});
  auto waiting = Ask(*watch);
  slow.let_go.set_value();
  EXPECT_TRUE(waiting.get()->events.empty()) << "it came already";
}

// Signs of life race with events here, many thousand times.
TEST_F(EventWatchesTest, EveryEventComesOnceWhateverTheSignsOfLifeDo) {
  EventLog log({.max_events = 100'000}, metrics_);
  log.Restart(0);
  EventWatches watches({.heartbeat = absl::Microseconds(50), .batch = 3}, log, *store_, executor_,
                       timers_, metrics_);
  constexpr int64_t kEvents = 5000;
  std::thread writer([&] {
    for (int64_t p = 1; p <= kEvents; ++p) {
      const Event event{.position = p, .type = kImageReady, .owner = "anna"};
      log.Append({&event, 1});
    }
  });
  const auto watch = *watches.Open(Anna(), {}, 0);
  int64_t seen = 0;
  while (seen < kEvents) {
    const auto batch = Next(*watch);
    ASSERT_TRUE(batch.ok()) << batch.status();
    for (const Event& event : batch->events) ASSERT_EQ(event.position, ++seen);
    ASSERT_EQ(batch->position, seen);
  }
  writer.join();
}

}  // namespace
}  // namespace stockroom::api
