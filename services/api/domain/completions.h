// Waiting for an image to be processed.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "services/common/base/cancellation.h"
#include "services/common/base/mutex.h"
#include "services/common/base/timer.h"

namespace stockroom::api {

// Who waits for which image. The change feed notifies, so that it does not matter which api replica
// got the worker's result. Thread-safe; callbacks must not block.
class Completions {
 public:
  explicit Completions(TimerQueue& timers) : timers_(timers) {}

  enum class Why { kProcessed, kTimeout, kCancelled };
  // `done` runs exactly once: when Notify names the image, at `deadline`, or when `cancellation`
  // fires.
  void Wait(const std::string& image_id, absl::Time deadline, Cancellation& cancellation,
            absl::AnyInvocable<void(Why)> done);

  // The image became READY or FAILED, or was deleted.
  void Notify(const std::string& image_id);

  // For the metric stockroom_waiting_uploads.
  size_t waiting() const;

 private:
  struct Waiter {
    TimerQueue::Id timer;
    absl::AnyInvocable<void(Why)> done;
    std::unique_ptr<Cancellation::Registration> on_cancel;
  };
  using Key = std::pair<std::string, uint64_t>;  // image and serial number
  void End(const Key& key, Why why);

  TimerQueue& timers_;
  mutable Mutex mu_;
  uint64_t next_ SR_GUARDED_BY(mu_) = 0;
  std::map<Key, Waiter> waiters_ SR_GUARDED_BY(mu_);
};

}  // namespace stockroom::api
