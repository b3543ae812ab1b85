// Brings a database to the schema of this program.
#pragma once

#include <span>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "services/api/metadata/migrations/sqlite_migrations.h"
#include "services/api/metadata/sqlite_connection.h"

namespace stockroom::api {

// Applies the missing steps, each in a transaction. FAILED_PRECONDITION with nothing changed:
// DATABASE_TOO_NEW, MIGRATION_ALTERED, or DATABASE_FOREIGN (tables of some other program).
absl::Status Migrate(SqliteConnection& db, std::span<const Migration> steps, absl::Time now);

}  // namespace stockroom::api
