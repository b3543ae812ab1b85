// Time as a seam.
#pragma once

#include "absl/time/time.h"
#include "services/common/base/mutex.h"

namespace stockroom {

// Time since the machine started, also while it slept. Never jumps.
absl::Duration BootTimeNow();

class Clock {
 public:
  virtual ~Clock() = default;
  virtual absl::Time Now() = 0;

  static Clock& Real();
};

// Stands still until told. Thread-safe.
class FakeClock final : public Clock {
 public:
  explicit FakeClock(absl::Time start) : now_(start) {}
  absl::Time Now() override {
    MutexLock lock(mu_);
    return now_;
  }
  void Advance(absl::Duration d) {
    MutexLock lock(mu_);
    now_ += d;
  }

 private:
  Mutex mu_;
  absl::Time now_ SR_GUARDED_BY(mu_);
};

}  // namespace stockroom
