// How far this api's index has followed the change feed.
#pragma once

#include <atomic>
#include <cstdint>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "services/api/domain/waiters.h"
#include "services/common/base/call_context.h"

namespace stockroom::api {

// Thread-safe. Waiting takes no thread.
class FeedPosition {
 public:
  // `timers` must outlive it. More than `max_waiting` at once are told to come back.
  explicit FeedPosition(TimerQueue& timers, size_t max_waiting = 1000)
      : waiters_(timers, {.most = max_waiting}) {}

  int64_t Get() const { return position_.load(); }
  // Never goes back.
  void Advance(int64_t position);

  // `done` runs once, when the position is reached or with an error: DEADLINE_EXCEEDED
  // (INDEX_BEHIND), CANCELLED, RESOURCE_EXHAUSTED (too many wait). At once or on any thread; it
  // must not block.
  using Done = absl::AnyInvocable<void(absl::Status)>;
  void Wait(int64_t position, const CallContext& context, Done done);

 private:
  std::atomic<int64_t> position_{0};
  Waiters<int64_t, absl::Status> waiters_;
};

}  // namespace stockroom::api
