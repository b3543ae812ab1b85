#include "services/api/domain/store_clock.h"

#include <utility>

#include "services/common/base/status.h"

namespace stockroom::api {

StoreClock::StoreClock(MetadataStore& store, Clock& local, std::function<absl::Duration()> steady)
    : store_(store), local_(local), steady_(std::move(steady)), origin_(local.Now() - steady_()) {}

absl::Time StoreClock::Now() {
  MutexLock lock(mu_);
  return origin_ + steady_();
}

absl::Status StoreClock::Refresh() {
  const absl::Duration before = steady_();
  SR_ASSIGN_OR_RETURN(const absl::Time there, store_.ServerTime());
  const absl::Duration round_trip = steady_() - before;
  MutexLock lock(mu_);
  origin_ = there - (before + round_trip / 2);
  return absl::OkStatus();
}

absl::Duration StoreClock::difference() { return Now() - local_.Now(); }

}  // namespace stockroom::api
