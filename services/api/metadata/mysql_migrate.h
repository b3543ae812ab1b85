// Brings a MySQL database to the schema of this program.
#pragma once

#include <functional>
#include <span>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "services/api/metadata/migrations/migration.h"
#include "services/api/metadata/mysql_connection.h"

namespace stockroom::api {

// Applies the missing steps. Several apis may call it at once: one does the work, under a lock of
// the database. Each statement is recorded when it is done, so that a step that was cut off is
// continued by the next start. FAILED_PRECONDITION with nothing changed: DATABASE_TOO_NEW,
// MIGRATION_ALTERED, DATABASE_FOREIGN. `before_statement`: for tests, may fail.
absl::Status Migrate(MysqlConnection& db, std::span<const Migration> steps, absl::Time now,
                     const std::function<absl::Status()>& before_statement = nullptr);

// FAILED_PRECONDITION (DATABASE_NOT_DURABLE) naming the setting, unless a committed transaction
// survives a power cut.
absl::Status CheckDurability(MysqlConnection& db);

}  // namespace stockroom::api
