// MetadataStore on one SQLite file: the embedded default.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/api/domain/metadata_store.h"
#include "services/common/base/metrics.h"

namespace stockroom::api {

struct SqliteOptions {
  // Database file; it, its folder, <path>.lock, -wal and -shm are made when missing.
  std::string path;
  // Reads that run at once.
  int reader_connections = 4;
  // How long a call waits for a lock or a reading connection before UNAVAILABLE.
  absl::Duration patience = absl::Seconds(5);
  // Calls that wait to write; past it RESOURCE_EXHAUSTED.
  int max_waiting_writes = 1024;
  // For tests: runs before each COMMIT; an error makes the commit fail.
  std::function<absl::Status()> before_commit;
};

// Takes the lock, checks durability settings and migrates. The callbacks of UpdateImage,
// DeleteImage and Snapshot must not call the store; the first two may run on another caller's
// thread. `metrics` must outlive the store.
//
// FAILED_PRECONDITION: DATABASE_IN_USE, DATABASE_NOT_DURABLE, DATABASE_TOO_NEW, MIGRATION_ALTERED,
// DATABASE_FOREIGN; DATA_LOSS: not a database; UNAVAILABLE, NOT_FOUND, PERMISSION_DENIED: the file
// system's errors; INVALID_ARGUMENT: no path.
absl::StatusOr<std::unique_ptr<MetadataStore>> OpenSqliteStore(const SqliteOptions& options,
                                                               Metrics& metrics);

}  // namespace stockroom::api
