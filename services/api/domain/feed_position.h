// How far this api's index has followed the change feed.
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "services/common/base/call_context.h"
#include "services/common/base/mutex.h"

namespace stockroom::api {

// Thread-safe.
class FeedPosition {
 public:
  int64_t Get() const {
    MutexLock lock(mu_);
    return position_;
  }
  // Never goes back.
  void Advance(int64_t position) {
    MutexLock lock(mu_);
    if (position <= position_) return;
    position_ = position;
    moved_.NotifyAll();
  }
  // Blocks until the position is reached. DEADLINE_EXCEEDED (reason INDEX_BEHIND), or CANCELLED.
  absl::Status WaitFor(int64_t position, const CallContext& context);

 private:
  mutable Mutex mu_;
  CondVar moved_;
  int64_t position_ SR_GUARDED_BY(mu_) = 0;
};

}  // namespace stockroom::api
