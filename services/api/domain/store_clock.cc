#include "services/api/domain/store_clock.h"

#include "services/common/base/status.h"

namespace stockroom::api {

absl::Time StoreClock::Now() { return local_.Now() + difference(); }

absl::Status StoreClock::Refresh() {
  const absl::Time before = local_.Now();
  SR_ASSIGN_OR_RETURN(const absl::Time there, store_.ServerTime());
  const absl::Duration round_trip = local_.Now() - before;
  MutexLock lock(mu_);
  difference_ = there - (before + round_trip / 2);
  return absl::OkStatus();
}

absl::Duration StoreClock::difference() const {
  MutexLock lock(mu_);
  return difference_;
}

}  // namespace stockroom::api
