#include "services/common/base/clock.h"

#include "absl/time/clock.h"

namespace stockroom {

Clock& Clock::Real() {
  class RealClock final : public Clock {
   public:
    absl::Time Now() override { return absl::Now(); }
  };
  static RealClock clock;
  return clock;
}

}  // namespace stockroom
