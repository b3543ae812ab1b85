// Running things later, on one thread.
#pragma once

#include <cstdint>
#include <map>
#include <thread>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "services/common/base/mutex.h"

namespace stockroom {

// Thread-safe. Callbacks run one after another on the timer's thread and must not block.
class TimerQueue {
 public:
  using Id = std::pair<absl::Time, uint64_t>;

  TimerQueue();
  ~TimerQueue();

  // Callbacks that are not due yet never run, those that come later neither; one that runs is
  // waited for. So that what callbacks refer to may go before the queue does. Idempotent.
  void Stop();

  Id RunAt(absl::Time when, absl::AnyInvocable<void()> callback);
  // True if the callback has not begun; it then never runs.
  bool Cancel(const Id& id);

 private:
  void Run();

  Mutex mu_;
  CondVar changed_;
  std::map<Id, absl::AnyInvocable<void()>> waiting_ SR_GUARDED_BY(mu_);
  uint64_t next_ SR_GUARDED_BY(mu_) = 0;
  bool stopping_ SR_GUARDED_BY(mu_) = false;
  std::thread thread_;
};

}  // namespace stockroom
