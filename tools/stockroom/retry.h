// Trying again: when it makes sense, when the server said to come back, and not for ever.
#pragma once

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "services/common/base/cancellation.h"

namespace stockroom::cli {

// UNAVAILABLE and RESOURCE_EXHAUSTED, but not a full disk: that does not pass by itself.
bool IsWorthRetrying(const absl::Status& status);

// Sleeps; CANCELLED as soon as `stop` fires.
absl::Status SleepUnlessStopped(absl::Duration d, Cancellation& stop);

// Calls `attempt` until it succeeds, fails for good, or the next try would begin later than `limit`
// after the first. Waits as long as the server asks (RetryInfo), else with growing random delays.
// `sleep` is SleepUnlessStopped, or a test's.
absl::Status Retry(absl::Duration limit, absl::FunctionRef<absl::Status()> attempt,
                   absl::FunctionRef<absl::Status(absl::Duration)> sleep);

}  // namespace stockroom::cli
