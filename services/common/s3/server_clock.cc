#include "services/common/s3/server_clock.h"

#include "absl/time/clock.h"
#include "services/common/base/log.h"

namespace stockroom::s3 {

void ServerClock::Observe(absl::Time date, absl::Duration seen) {
  const absl::Time zero = date - seen;
  MutexLock lock(mu_);
  if (!zero_.has_value()) {
    const absl::Duration skew = date - absl::Now();
    if (absl::AbsDuration(skew) > absl::Minutes(1)) {
      LogWarning("the clocks of this machine and of the S3 server differ",
                 {{"seconds", absl::ToDoubleSeconds(skew)}});
    }
  } else if (absl::AbsDuration(zero - *zero_) > kTolerance) {
    LogWarning("the S3 server's clock jumped: no blob is collected for a grace period",
               {{"seconds", absl::ToDoubleSeconds(zero - *zero_)}});
    jumped_ = steady_();
  }
  zero_ = zero;
}

absl::Time ServerClock::Now() const {
  MutexLock lock(mu_);
  return zero_.has_value() ? *zero_ + steady_() : absl::Now();
}

absl::Duration ServerClock::InStep() const {
  MutexLock lock(mu_);
  return jumped_.has_value() ? steady_() - *jumped_ : absl::InfiniteDuration();
}

}  // namespace stockroom::s3
