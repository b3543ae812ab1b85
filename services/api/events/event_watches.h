// The watchers of this process, fed from the event log and, when they are behind it, the store.
#pragma once

#include <memory>
#include <set>

#include "services/api/domain/event_feed.h"
#include "services/api/events/event_log.h"
#include "services/common/base/executor.h"
#include "services/common/base/metrics.h"
#include "services/common/base/mutex.h"
#include "services/common/base/timer.h"

namespace stockroom::api {

// Opens watches and ends them at shutdown.
//
// Metric: stockroom_event_watchers.
class EventWatches final : public EventFeed {
 public:
  struct Options {
    // Each costs a connection and about 1 KiB.
    int max_watchers = 1000;
    // A batch without events comes after so long: watchers and what lies between see that the
    // connection lives.
    absl::Duration heartbeat = absl::Seconds(15);
    int batch = 100;
  };
  EventWatches(Options options, EventLog& log, MetadataStore& store, Executor& executor,
               TimerQueue& timers, Metrics& metrics);
  // Drains, and waits until every watch is gone.
  ~EventWatches() override;

  absl::StatusOr<std::shared_ptr<EventWatch>> Open(const Principal& who, WatchFilter filter,
                                                   std::optional<int64_t> after) override;
  // Ends every watch with UNAVAILABLE (SHUTTING_DOWN); new ones are refused.
  void Drain();

 private:
  class Watch;
  void Forget(Watch* watch);

  const Options options_;
  EventLog& log_;
  MetadataStore& store_;
  Executor& executor_;
  TimerQueue& timers_;
  Gauge& watchers_gauge_;
  Mutex mu_;
  CondVar all_gone_;
  bool draining_ SR_GUARDED_BY(mu_) = false;
  std::set<Watch*> watches_ SR_GUARDED_BY(mu_);
};

}  // namespace stockroom::api
