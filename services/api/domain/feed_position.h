// How far this api's index has followed the change feed.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "services/common/base/call_context.h"
#include "services/common/base/mutex.h"
#include "services/common/base/timer.h"

namespace stockroom::api {

// Thread-safe. Waiting takes no thread.
class FeedPosition {
 public:
  // `timers` must outlive it. More than `max_waiting` at once are told to come back.
  explicit FeedPosition(TimerQueue& timers, size_t max_waiting = 1000)
      : timers_(timers), max_waiting_(max_waiting) {}

  int64_t Get() const {
    MutexLock lock(mu_);
    return position_;
  }
  // Never goes back.
  void Advance(int64_t position);

  // `done` runs once, when the position is reached or with an error: DEADLINE_EXCEEDED
  // (INDEX_BEHIND), CANCELLED, RESOURCE_EXHAUSTED (too many wait). At once or on any thread; it
  // must not block.
  using Done = absl::AnyInvocable<void(absl::Status)>;
  void Wait(int64_t position, const CallContext& context, Done done);

 private:
  struct Waiter {
    TimerQueue::Id timer;
    Done done;
    std::unique_ptr<Cancellation::Registration> on_cancel;
  };
  using Key = std::pair<int64_t, uint64_t>;  // position and serial number
  void End(const Key& key, absl::Status status);

  TimerQueue& timers_;
  const size_t max_waiting_;
  mutable Mutex mu_;
  int64_t position_ SR_GUARDED_BY(mu_) = 0;
  uint64_t next_ SR_GUARDED_BY(mu_) = 0;
  std::map<Key, Waiter> waiters_ SR_GUARDED_BY(mu_);
};

}  // namespace stockroom::api
