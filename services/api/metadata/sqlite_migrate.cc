#include "services/api/metadata/sqlite_migrate.h"

#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "services/common/base/log.h"
#include "services/common/base/status.h"

namespace stockroom::api {
namespace {

constexpr char kBookkeeping[] =
    "CREATE TABLE schema_migrations ("
    "  version    INTEGER      NOT NULL PRIMARY KEY,"
    "  name       VARCHAR(255) NOT NULL,"
    "  checksum   VARCHAR(64)  NOT NULL,"
    "  applied_at BIGINT       NOT NULL)";

absl::Status EnsureBookkeeping(SqliteConnection& db) {
  SqliteQuery tables =
      db.Query("SELECT COUNT(*), COALESCE(SUM(name = 'schema_migrations'), 0) FROM sqlite_master");
  if (!tables.Step()) return tables.status();
  if (tables.Integer(1) > 0) return absl::OkStatus();
  if (tables.Integer(0) > 0) {
    return ForeignDatabase("a file");
  }
  // Nothing may create a table while a statement reads the schema.
  tables.Step();
  return db.Script(kBookkeeping);
}

absl::StatusOr<std::map<int64_t, std::string>> Applied(SqliteConnection& db) {
  std::map<int64_t, std::string> checksums;
  SqliteQuery query = db.Query("SELECT version, checksum FROM schema_migrations ORDER BY version");
  while (query.Step()) checksums[query.Integer(0)] = query.Text(1);
  SR_RETURN_IF_ERROR(query.status());
  return checksums;
}

absl::Status Apply(SqliteConnection& db, const Migration& step, absl::Time now) {
  SR_RETURN_IF_ERROR(db.Script("BEGIN IMMEDIATE"));
  absl::Status status = db.Script(step.sql);
  if (status.ok()) {
    status = db.Query(
                   "INSERT INTO schema_migrations (version, name, checksum, applied_at) "
                   "VALUES (?, ?, ?, ?)")
                 .Bind(step.version, step.name, ChecksumOf(step), absl::ToUnixMicros(now))
                 .Run();
  }
  if (status.ok()) status = db.Script("COMMIT");
  if (!status.ok()) {
    if (db.InTransaction()) db.Script("ROLLBACK").IgnoreError();
    return Annotate(status, absl::StrCat("migration ", step.version, " (", step.name, ")"));
  }
  LogInfo("database migrated", {{"version", step.version}, {"name", step.name}});
  return absl::OkStatus();
}

}  // namespace

absl::Status Migrate(SqliteConnection& db, std::span<const Migration> steps, absl::Time now) {
  SR_RETURN_IF_ERROR(EnsureBookkeeping(db));
  SR_ASSIGN_OR_RETURN(const auto applied, Applied(db));
  SR_RETURN_IF_ERROR(CheckApplied(applied, steps));
  for (const Migration& step : steps) {
    if (!applied.contains(step.version)) SR_RETURN_IF_ERROR(Apply(db, step, now));
  }
  return absl::OkStatus();
}

}  // namespace stockroom::api
