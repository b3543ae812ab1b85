// The clock that touches are measured by, and for how long it can be trusted.
//
// A touch is a file's time of modification, which a power cut may take back, and which means little
// once the wall clock has jumped. So nobody trusts the age of a blob to be more than InStep().
#pragma once

#include <cstdint>
#include <functional>

#include "absl/time/time.h"
#include "services/common/base/clock.h"
#include "services/common/base/mutex.h"

namespace stockroom::fileserver {

// Time that never jumps, since some fixed moment. Stands still while the machine sleeps; the wall
// clock then jumps, seen from here.
absl::Duration SteadyNow();

// Thread-safe.
class TouchClock {
 public:
  TouchClock(Clock& wall, std::function<absl::Duration()> steady);

  struct Reading {
    absl::Time now;
    // Since when, at most, both clocks have moved alike: since this object was made, or the last
    // jump of more than kTolerance that a reading saw. Every touch takes a reading, so none is made
    // by a wrong clock unnoticed.
    absl::Duration in_step;
    // Differs after every start and every jump: no stamp of before is valid any more.
    uint64_t era = 0;
  };
  Reading Read();

  // Slewing by NTP (500 ppm, 43 s a day) is no jump for a week. Far below half of any sensible
  // grace period.
  static constexpr absl::Duration kTolerance = absl::Minutes(5);

 private:
  Clock& wall_;
  const std::function<absl::Duration()> steady_;
  Mutex mu_;
  absl::Time zero_ SR_GUARDED_BY(mu_);  // what the wall clock showed when the steady one was at 0
  absl::Duration since_ SR_GUARDED_BY(mu_);
  uint64_t era_ SR_GUARDED_BY(mu_);
};

}  // namespace stockroom::fileserver
