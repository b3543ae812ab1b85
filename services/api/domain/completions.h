// Waiting for an image to be processed.
#pragma once

#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "services/api/domain/waiters.h"

namespace stockroom::api {

// Who waits for which image. The change feed notifies, so that it does not matter which api replica
// got the worker's result. Thread-safe; callbacks must not block.
class Completions {
 public:
  // `waiting` shows how many wait (each is a call under way: their number is bounded where calls
  // are); may be null.
  explicit Completions(TimerQueue& timers, Gauge* waiting = nullptr)
      : waiters_(timers, {.gauge = waiting}) {}

  enum class Why { kProcessed, kTimeout, kCancelled };
  // `done` runs exactly once: when Notify names the image, at `deadline`, or when `cancellation`
  // fires.
  void Wait(const std::string& image_id, absl::Time deadline, Cancellation& cancellation,
            absl::AnyInvocable<void(Why)> done) {
    waiters_.Add(image_id, deadline, cancellation,
                 {.late = [] { return Why::kTimeout; }, .cancelled = Why::kCancelled}, done);
  }

  // The image became READY or FAILED, or was deleted.
  void Notify(const std::string& image_id) { waiters_.Wake(image_id, image_id, Why::kProcessed); }

  size_t waiting() const { return waiters_.size(); }

 private:
  Waiters<std::string, Why> waiters_;
};

}  // namespace stockroom::api
