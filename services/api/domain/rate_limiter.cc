#include "services/api/domain/rate_limiter.h"

#include <algorithm>
#include <cmath>
#include <iterator>

namespace stockroom::api {
namespace {

RateLimiter::Options WithDefaults(RateLimiter::Options options) {
  if (options.burst <= 0) options.burst = static_cast<int64_t>(std::ceil(2 * options.per_second));
  options.burst = std::max<int64_t>(options.burst, 1);
  return options;
}

}  // namespace

RateLimiter::RateLimiter(Options options, Metrics& metrics)
    : options_(WithDefaults(options)),
      interval_(options_.per_second > 0 ? absl::Seconds(1 / options_.per_second)
                                        : absl::ZeroDuration()),
      tolerance_(interval_ * options_.burst),
      callers_gauge_(metrics.GetGauge("stockroom_rate_limited_callers",
                                      "Callers whose requests are being counted.")) {}

RateLimiter::Decision RateLimiter::Take(const std::string& caller, absl::Time now) {
  Decision decision{.limit = options_.burst};
  MutexLock lock(mu_);
  auto it = arrival_.find(caller);
  // Nobody has used up more than everything: so a clock that stepped back punishes nobody.
  const absl::Time arrival =
      it == arrival_.end() ? now : std::clamp(it->second, now, now + tolerance_);
  if (it != arrival_.end() && it->second > arrival) it->second = arrival;
  const absl::Time next = arrival + interval_;
  decision.allowed = next - now <= tolerance_;
  if (decision.allowed) {
    if (it != arrival_.end()) {
      it->second = next;
    } else {
      if (arrival_.size() >= options_.max_callers) MakeRoom(now);
      arrival_.emplace(caller, next);
      callers_gauge_.Set(static_cast<int64_t>(arrival_.size()));
    }
    decision.reset = next - now;
  } else {
    decision.reset = arrival - now;
    decision.retry_after = next - now - tolerance_;
  }
  absl::Duration rest;
  decision.remaining =
      std::max<int64_t>(0, absl::IDivDuration(tolerance_ - decision.reset, interval_, &rest));
  return decision;
}

void RateLimiter::MakeRoom(absl::Time now) {
  // A few at a time: a flood of callers shall not make each of them wait for a walk over all.
  auto it = arrival_.begin();
  for (int looked_at = 0; looked_at < 64 && it != arrival_.end(); ++looked_at) {
    it = it->second <= now ? arrival_.erase(it) : std::next(it);
  }
  if (arrival_.size() >= options_.max_callers) arrival_.erase(arrival_.begin());
}

bool RateLimiter::Exhausted(const std::string& caller, absl::Time now) {
  MutexLock lock(mu_);
  const auto it = arrival_.find(caller);
  return it != arrival_.end() &&
         std::min(it->second, now + tolerance_) + interval_ - now > tolerance_;
}

}  // namespace stockroom::api
