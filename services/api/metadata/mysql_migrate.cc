#include "services/api/metadata/mysql_migrate.h"

#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "services/common/base/log.h"
#include "services/common/base/status.h"

namespace stockroom::api {
namespace {

constexpr char kBookkeeping[] =
    "CREATE TABLE IF NOT EXISTS schema_migrations ("
    "  version         INTEGER      NOT NULL PRIMARY KEY,"
    "  name            VARCHAR(255) NOT NULL,"
    "  checksum        VARCHAR(64)  NOT NULL,"
    "  statements_done INTEGER      NOT NULL,"
    "  complete        INTEGER      NOT NULL,"
    "  applied_at      BIGINT       NOT NULL"
    ") ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin";

std::vector<std::string> StatementsOf(const Migration& step) {
  std::vector<std::string> statements;
  for (const absl::string_view part : absl::StrSplit(step.sql, ";\n")) {
    const absl::string_view statement = absl::StripAsciiWhitespace(part);
    if (!statement.empty()) statements.emplace_back(statement);
  }
  return statements;
}

absl::Status EnsureBookkeeping(MysqlConnection& db) {
  {
    MysqlQuery tables = db.Query(
        "SELECT COUNT(*), COALESCE(SUM(table_name = 'schema_migrations'), 0) "
        "FROM information_schema.tables WHERE table_schema = DATABASE()");
    if (!tables.Step()) return tables.status();
    if (tables.Integer(1) > 0) return absl::OkStatus();
    if (tables.Integer(0) > 0) return ForeignDatabase("a database");
  }
  return db.Execute(kBookkeeping);
}

// Holds the database's migration lock; the session's end frees it at the latest.
class MigrationLock {
 public:
  explicit MigrationLock(MysqlConnection& db) : db_(db) {}
  ~MigrationLock() {
    if (held_) db_.Query("SELECT RELEASE_LOCK('stockroom_migration')").Step();
  }
  absl::Status Take() {
    // Less than the session's own limit on an answer; the caller tries again.
    for (int tries = 0; tries < 60; ++tries) {
      MysqlQuery query = db_.Query("SELECT GET_LOCK('stockroom_migration', 1)");
      if (!query.Step()) return query.status();
      held_ = query.Integer(0) == 1;
      if (held_) return absl::OkStatus();
    }
    return Unavailable("MIGRATION_RUNS",
                       "another api has been migrating the database for a minute");
  }

 private:
  MysqlConnection& db_;
  bool held_ = false;
};

absl::Status Apply(MysqlConnection& db, const Migration& step, int done, absl::Time now,
                   const std::function<absl::Status()>& before_statement) {
  const std::vector<std::string> statements = StatementsOf(step);
  SR_RETURN_IF_ERROR(db.Query("INSERT IGNORE INTO schema_migrations (version, name, checksum, "
                              "statements_done, complete, applied_at) VALUES (?, ?, ?, 0, 0, ?)")
                         .Bind(step.version, step.name, ChecksumOf(step), absl::ToUnixMicros(now))
                         .Run());
  for (size_t i = done; i < statements.size(); ++i) {
    if (before_statement) SR_RETURN_IF_ERROR(before_statement());
    SR_RETURN_IF_ERROR(db.Execute(statements[i]));
    SR_RETURN_IF_ERROR(
        db.Query("UPDATE schema_migrations SET statements_done = ? WHERE version = ?")
            .Bind(static_cast<int64_t>(i) + 1, step.version)
            .Run());
  }
  SR_RETURN_IF_ERROR(db.Query("UPDATE schema_migrations SET complete = 1 WHERE version = ?")
                         .Bind(step.version)
                         .Run());
  LogInfo("database migrated", {{"version", step.version}, {"name", step.name}});
  return absl::OkStatus();
}

}  // namespace

absl::Status Migrate(MysqlConnection& db, std::span<const Migration> steps, absl::Time now,
                     const std::function<absl::Status()>& before_statement) {
  MigrationLock lock(db);
  SR_RETURN_IF_ERROR(lock.Take());
  SR_RETURN_IF_ERROR(EnsureBookkeeping(db));
  std::map<int64_t, std::string> applied;
  std::map<int64_t, int> begun;  // statements done of a step that was cut off
  {
    MysqlQuery query = db.Query(
        "SELECT version, checksum, complete, statements_done FROM schema_migrations "
        "ORDER BY version");
    while (query.Step()) {
      applied[query.Integer(0)] = query.Text(1);
      if (query.Integer(2) == 0) {
        begun[query.Integer(0)] = static_cast<int>(query.Integer(3));
      }
    }
    SR_RETURN_IF_ERROR(query.status());
  }
  SR_RETURN_IF_ERROR(CheckApplied(applied, steps));
  for (const Migration& step : steps) {
    const auto it = begun.find(step.version);
    if (applied.contains(step.version) && it == begun.end()) continue;
    const int done = it == begun.end() ? 0 : it->second;
    if (absl::Status status = Apply(db, step, done, now, before_statement); !status.ok()) {
      return Annotate(status, absl::StrCat("migration ", step.version, " (", step.name, ")"));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckDurability(MysqlConnection& db) {
  MysqlQuery query = db.Query(
      "SELECT @@GLOBAL.innodb_flush_log_at_trx_commit, @@GLOBAL.log_bin, @@GLOBAL.sync_binlog");
  if (!query.Step()) return query.status();
  std::string wrong;
  if (query.Integer(0) != 1) {
    wrong = absl::StrCat("innodb_flush_log_at_trx_commit is ", query.Integer(0));
  } else if (query.Integer(1) != 0 && query.Integer(2) != 1) {
    wrong = absl::StrCat("sync_binlog is ", query.Integer(2));
  }
  if (wrong.empty()) return absl::OkStatus();
  return MakeStatus(absl::StatusCode::kFailedPrecondition,
                    "acknowledged uploads would not survive a power cut: the database's " + wrong +
                        ", it must be 1",
                    {.reason = "DATABASE_NOT_DURABLE"});
}

}  // namespace stockroom::api
