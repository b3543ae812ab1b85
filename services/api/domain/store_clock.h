// The database's clock, read without asking it each time.
#pragma once

#include <functional>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "services/api/domain/metadata_store.h"
#include "services/common/base/clock.h"
#include "services/common/base/mutex.h"

namespace stockroom::api {

// The database's time as last measured plus the time since then by a clock that never jumps: apis
// on machines whose clocks are wrong, or are being set right, agree about leases. Thread-safe.
class StoreClock final : public Clock {
 public:
  // `store` and `local` must outlive it; `local` only serves difference(), and as the time until
  // the first Refresh.
  StoreClock(MetadataStore& store, Clock& local,
             std::function<absl::Duration()> steady = BootTimeNow);

  absl::Time Now() override;
  // Measures again. Blocks on the store; its error leaves the difference as it was.
  absl::Status Refresh();
  // How far the local clock is behind the database's.
  absl::Duration difference();

 private:
  MetadataStore& store_;
  Clock& local_;
  const std::function<absl::Duration()> steady_;
  Mutex mu_;
  // The database's time when the steady clock was 0.
  absl::Time origin_ SR_GUARDED_BY(mu_);
};

}  // namespace stockroom::api
