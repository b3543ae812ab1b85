#include "services/common/base/clock.h"

#include <ctime>

#include "absl/time/clock.h"

namespace stockroom {

absl::Duration BootTimeNow() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return absl::DurationFromTimespec(now);
}

Clock& Clock::Real() {
  class RealClock final : public Clock {
   public:
    absl::Time Now() override { return absl::Now(); }
  };
  static RealClock clock;
  return clock;
}

}  // namespace stockroom
