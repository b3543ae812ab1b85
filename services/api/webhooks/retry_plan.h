// When a failed delivery is tried again.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace stockroom::api {

class RetryPlan {
 public:
  // A receiver may ask for a longer wait, but not for so long that a day is over.
  static constexpr absl::Duration kLongestRetryAfter = absl::Hours(1);
  static constexpr absl::Duration kShortestDelay = absl::Milliseconds(10);
  static constexpr absl::Duration kLongestDelay = absl::Hours(24);
  static constexpr size_t kMostDelays = 20;

  // One delay, like "5s" or "2h", for each attempt after the first. INVALID_ARGUMENT, naming
  // webhooks.retry_delays.
  static absl::StatusOr<RetryPlan> Create(const std::vector<std::string>& delays);

  // How long to wait after `tries` failed attempts (1 after the first), with up to a tenth more so
  // that what failed together does not come back together. Nothing: it was the last one.
  std::optional<absl::Duration> WaitAfter(int tries,
                                          std::optional<absl::Duration> retry_after) const;

 private:
  std::vector<absl::Duration> delays_;
};

}  // namespace stockroom::api
