#include "services/fileserver/store/touch_clock.h"

#include <chrono>
#include <random>
#include <utility>

#include "services/common/base/log.h"

namespace stockroom::fileserver {

absl::Duration SteadyNow() {
  return absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
}

TouchClock::TouchClock(Clock& wall, std::function<absl::Duration()> steady)
    : wall_(wall), steady_(std::move(steady)), since_(steady_()) {
  zero_ = wall_.Now() - since_;
  std::random_device random;
  era_ = (uint64_t{random()} << 32) | random();
}

TouchClock::Reading TouchClock::Read() {
  MutexLock lock(mu_);
  const absl::Time now = wall_.Now();
  const absl::Duration steady = steady_();
  const absl::Time zero = now - steady;
  if (absl::AbsDuration(zero - zero_) > kTolerance) {
    LogWarning("the clock jumped: no blob is collected for a grace period",
               {{"seconds", absl::ToDoubleSeconds(zero - zero_)}});
    zero_ = zero;
    since_ = steady;
    ++era_;
  }
  return {.now = now, .in_step = steady - since_, .era = era_};
}

}  // namespace stockroom::fileserver
