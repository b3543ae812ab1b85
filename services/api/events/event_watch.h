// Watching the change feed: what Watch and SSE have in common.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "services/api/domain/metadata_store.h"
#include "services/api/domain/principal.h"
#include "services/api/events/event_log.h"
#include "services/common/base/executor.h"
#include "services/common/base/metrics.h"
#include "services/common/base/mutex.h"
#include "services/common/base/timer.h"

namespace stockroom::api {

struct WatchFilter {
  std::set<std::string> types;  // empty: all
  std::string image_id;         // empty: all
};

// Events that the watcher may see, and up to where everything was looked at: the position to go on
// from, at any api. No events: a heartbeat.
struct WatchBatch {
  std::vector<Event> events;
  int64_t position = 0;
};

class EventWatch;

// Opens watches and ends them at shutdown. Thread-safe. Outlives its watches' calls: Drain first,
// then the executor's and the timers' end.
//
// Metric: stockroom_event_watchers.
class EventWatches {
 public:
  struct Options {
    int max_watchers = 1000;
    // A batch without events comes after so long.
    absl::Duration heartbeat = absl::Seconds(15);
    int batch = 100;
  };
  EventWatches(Options options, EventLog& log, MetadataStore& store, Executor& executor,
               TimerQueue& timers, Metrics& metrics);

  // Without `after`: from now. RESOURCE_EXHAUSTED (too many watchers), UNAVAILABLE (SHUTTING_DOWN),
  // INVALID_ARGUMENT (a negative position).
  absl::StatusOr<std::shared_ptr<EventWatch>> Open(const Principal& who, WatchFilter filter,
                                                   std::optional<int64_t> after);
  // Ends every watch with UNAVAILABLE (SHUTTING_DOWN); new ones are refused.
  void Drain();

 private:
  friend class EventWatch;
  void Forget(EventWatch* watch);

  const Options options_;
  EventLog& log_;
  MetadataStore& store_;
  Executor& executor_;
  TimerQueue& timers_;
  Gauge& watchers_gauge_;
  Mutex mu_;
  bool draining_ SR_GUARDED_BY(mu_) = false;
  std::set<EventWatch*> watches_ SR_GUARDED_BY(mu_);
};

// One watcher: a position and at most one question under way. Thread-safe.
class EventWatch : public std::enable_shared_from_this<EventWatch> {
 public:
  using Done = absl::AnyInvocable<void(absl::StatusOr<WatchBatch>)>;
  ~EventWatch();

  // The next events, or a heartbeat. One at a time. `done` runs once, on any thread, also the
  // caller's; it must not block. Errors end the watch: OUT_OF_RANGE (FEED_TRIMMED), UNAVAILABLE
  // (SHUTTING_DOWN, or of the store), CANCELLED (End).
  void Next(Done done);
  // The watcher is gone: frees what is waiting, at once.
  void End(absl::Status why = absl::CancelledError("the watcher is gone"));
  // Where Open began, or the last batch ended.
  int64_t position() const;

 private:
  friend class EventWatches;
  EventWatch(EventWatches& owner, Principal who, WatchFilter filter, int64_t position)
      : owner_(owner), who_(std::move(who)), filter_(std::move(filter)), position_(position) {}

  // Each Next is a question with a number. A look that was begun for an earlier question (its wait
  // ended while its heartbeat answered) must not answer a later one: it would repeat events.
  struct Question {
    uint64_t number = 0;
    int64_t from = 0;
  };
  // Nothing if `number` is not asked any more.
  std::optional<Question> Current(uint64_t number) const;
  // Looks from position_ on; answers or waits.
  void Look(uint64_t number);
  void LookInStore(Question question);
  void Wait(Question question);
  // False if the question is not asked any more.
  bool SkipTo(uint64_t number, int64_t position);
  bool Shows(const Event& event) const;
  void Answer(uint64_t number, absl::StatusOr<WatchBatch> batch);

  EventWatches& owner_;
  const Principal who_;
  const WatchFilter filter_;
  mutable Mutex mu_;
  int64_t position_ SR_GUARDED_BY(mu_);
  uint64_t asked_ SR_GUARDED_BY(mu_) = 0;
  Done done_ SR_GUARDED_BY(mu_);  // null: no question under way
  absl::Status ended_ SR_GUARDED_BY(mu_);
  std::optional<uint64_t> wait_ SR_GUARDED_BY(mu_);
  std::optional<TimerQueue::Id> heartbeat_ SR_GUARDED_BY(mu_);
};

}  // namespace stockroom::api
