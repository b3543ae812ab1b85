// MetadataStore on MySQL 8+ or MariaDB 10.6+: for several apis on one database.
#pragma once

#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/api/domain/metadata_store.h"
#include "services/api/metadata/mysql_connection.h"
#include "services/common/base/metrics.h"

namespace stockroom::api {

struct MysqlOptions {
  MysqlAddress address;
  // Connections for calls; one more numbers events.
  int connections = 16;
  // Longest wait for a connection, an answer, or a lock before UNAVAILABLE.
  absl::Duration patience = absl::Seconds(5);
  // Start although the database may lose acknowledged uploads in a power cut. For tests.
  bool allow_unsafe_durability = false;
  // For tests: run before each COMMIT of a call, and of a round that numbers events; an error rolls
  // back.
  std::function<absl::Status()> before_commit;
  std::function<absl::Status()> before_round_commit;
};

// Connects, checks version and durability settings, and migrates. Reconnects from then on. The
// callbacks of calls must not call the store. `metrics` must outlive the store.
//
// FAILED_PRECONDITION: DATABASE_REFUSED, DATABASE_TOO_OLD, DATABASE_NOT_DURABLE, DATABASE_TOO_NEW,
// MIGRATION_ALTERED, DATABASE_FOREIGN; UNAVAILABLE: it does not answer.
absl::StatusOr<std::unique_ptr<MetadataStore>> OpenMysqlStore(const MysqlOptions& options,
                                                              Metrics& metrics);

}  // namespace stockroom::api
