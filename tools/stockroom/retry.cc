#include "tools/stockroom/retry.h"

#include <algorithm>
#include <memory>

#include "absl/time/clock.h"
#include "services/common/base/backoff.h"
#include "services/common/base/mutex.h"
#include "services/common/base/status.h"

namespace stockroom::cli {

bool IsWorthRetrying(const absl::Status& status) {
  if (absl::IsUnavailable(status)) return true;
  return absl::IsResourceExhausted(status) && DetailsOf(status).reason != "NO_SPACE";
}

absl::Status SleepUnlessStopped(absl::Duration d, Cancellation& stop) {
  struct Waiting {
    Mutex mu;
    CondVar changed;
    bool over SR_GUARDED_BY(mu) = false;
  };
  auto waiting = std::make_shared<Waiting>();
  const auto registration = stop.OnCancel([waiting] {
    MutexLock lock(waiting->mu);
    waiting->over = true;
    waiting->changed.NotifyAll();
  });
  const absl::Time end = absl::Now() + d;
  MutexLock lock(waiting->mu);
  while (!waiting->over && absl::Now() < end) {
    waiting->changed.WaitFor(waiting->mu, end - absl::Now());
  }
  return waiting->over ? absl::CancelledError("interrupted") : absl::OkStatus();
}

absl::Status Retry(absl::Duration limit, absl::FunctionRef<absl::Status()> attempt,
                   absl::FunctionRef<absl::Status(absl::Duration)> sleep) {
  Backoff backoff({.floor = absl::Milliseconds(50),
                   .first = absl::Milliseconds(200),
                   .longest = absl::Seconds(10)});
  // Slept time counts besides the clock's, so that a limit holds whatever `sleep` does.
  const absl::Time begin = absl::Now();
  absl::Duration slept;
  while (true) {
    absl::Status status = attempt();
    if (status.ok() || !IsWorthRetrying(status)) return status;
    const absl::Duration asked = DetailsOf(status).retry_after.value_or(absl::ZeroDuration());
    const absl::Duration wait = std::max(asked, backoff.Next());
    if (std::max(slept, absl::Now() - begin) + wait > limit) return status;
    slept += wait;
    if (absl::Status stopped = sleep(wait); !stopped.ok()) return stopped;
  }
}

}  // namespace stockroom::cli
