// The database's clock, read without asking it each time.
#pragma once

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "services/api/domain/metadata_store.h"
#include "services/common/base/clock.h"
#include "services/common/base/mutex.h"

namespace stockroom::api {

// The local clock plus the difference to the database's as last measured, so that apis on machines
// whose clocks differ agree about leases. Thread-safe.
class StoreClock final : public Clock {
 public:
  // `local` and `store` must outlive it. The difference is 0 until the first Refresh.
  StoreClock(MetadataStore& store, Clock& local) : store_(store), local_(local) {}

  absl::Time Now() override;
  // Measures again. Blocks on the store; its error leaves the difference as it was.
  absl::Status Refresh();
  absl::Duration difference() const;

 private:
  MetadataStore& store_;
  Clock& local_;
  mutable Mutex mu_;
  absl::Duration difference_ SR_GUARDED_BY(mu_);
};

}  // namespace stockroom::api
