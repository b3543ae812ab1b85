#include "services/api/webhooks/retry_plan.h"

#include <algorithm>

#include "absl/random/random.h"
#include "services/common/base/status.h"

namespace stockroom::api {

absl::StatusOr<RetryPlan> RetryPlan::Create(const std::vector<std::string>& delays) {
  if (delays.size() > kMostDelays) {
    return InvalidField("webhooks.retry_delays",
                        "expected at most " + std::to_string(kMostDelays) + " delays");
  }
  RetryPlan plan;
  for (const std::string& text : delays) {
    absl::Duration delay;
    if (!absl::ParseDuration(text, &delay) || delay < kShortestDelay || delay > kLongestDelay) {
      return InvalidField("webhooks.retry_delays",
                          "expected 10ms to 24h, like 30s or 5m, not '" + text + "'");
    }
    plan.delays_.push_back(delay);
  }
  return plan;
}

std::optional<absl::Duration> RetryPlan::WaitAfter(
    int tries, std::optional<absl::Duration> retry_after) const {
  if (tries < 1 || static_cast<size_t>(tries) > delays_.size()) return std::nullopt;
  thread_local absl::BitGen random;
  const absl::Duration wait = delays_[static_cast<size_t>(tries) - 1];
  const absl::Duration asked = std::min(retry_after.value_or(wait), kLongestRetryAfter);
  return std::max(wait, asked) * absl::Uniform(random, 1.0, 1.1);
}

}  // namespace stockroom::api
