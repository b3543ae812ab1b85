#include "services/api/metadata/sqlite_connection.h"

#include <sqlite3.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"

namespace stockroom::api {

absl::Status SqliteError(int code, std::string_view message, std::string_view doing) {
  const std::string text =
      absl::StrCat("database: ", Av(doing), ": ", Av(message), " (SQLite ", code, ")");
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_IOERR:
    case SQLITE_PROTOCOL:
    case SQLITE_CANTOPEN:
      return Unavailable("DATABASE_UNAVAILABLE", text);
    case SQLITE_FULL:
    case SQLITE_NOMEM:
      return MakeStatus(absl::StatusCode::kResourceExhausted, text,
                        {.reason = "DATABASE_FULL", .retry_after = absl::Seconds(5)});
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return MakeStatus(absl::StatusCode::kDataLoss, text, {.reason = "DATABASE_CORRUPT"});
    default:
      return MakeStatus(absl::StatusCode::kInternal, text, {.reason = "DATABASE_ERROR"});
  }
}

SqliteQuery::~SqliteQuery() {
  if (statement_ == nullptr) return;
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

void SqliteQuery::Check(int code) {
  if (code == SQLITE_OK || code == SQLITE_ROW || code == SQLITE_DONE || !status_.ok()) return;
  status_ = SqliteError(code, sqlite3_errmsg(db_), sqlite3_sql(statement_));
}

void SqliteQuery::BindOne(int64_t value) {
  if (status_.ok()) Check(sqlite3_bind_int64(statement_, ++bound_, value));
}

void SqliteQuery::BindOne(std::string_view value) {
  if (!status_.ok()) return;
  // A null pointer would bind NULL.
  const char* data = value.data() != nullptr ? value.data() : "";
  Check(
      sqlite3_bind_text64(statement_, ++bound_, data, value.size(), SQLITE_TRANSIENT, SQLITE_UTF8));
}

void SqliteQuery::BindOne(SqlBlob value) {
  if (!status_.ok()) return;
  const char* data = value.bytes.data() != nullptr ? value.bytes.data() : "";
  Check(sqlite3_bind_blob64(statement_, ++bound_, data, value.bytes.size(), SQLITE_TRANSIENT));
}

void SqliteQuery::BindOne(const std::optional<int64_t>& value) {
  if (value) return BindOne(*value);
  if (status_.ok()) Check(sqlite3_bind_null(statement_, ++bound_));
}

bool SqliteQuery::Step() {
  if (!status_.ok()) return false;
  const int code = sqlite3_step(statement_);
  Check(code);
  return code == SQLITE_ROW;
}

absl::Status SqliteQuery::Run() {
  while (Step()) {
  }
  return status_;
}

int64_t SqliteQuery::Integer(int column) const { return sqlite3_column_int64(statement_, column); }

bool SqliteQuery::IsNull(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

std::string SqliteQuery::Text(int column) const {
  const void* data = sqlite3_column_blob(statement_, column);
  if (data == nullptr) return {};
  return {static_cast<const char*>(data),
          static_cast<size_t>(sqlite3_column_bytes(statement_, column))};
}

absl::StatusOr<std::unique_ptr<SqliteConnection>> SqliteConnection::Open(
    const std::string& path, Mode mode, absl::Duration busy_timeout) {
  const int flags =
      SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
      (mode == Mode::kCreate ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY);
  sqlite3* db = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &db, flags, nullptr);
  std::unique_ptr<SqliteConnection> connection(new SqliteConnection(db));
  if (code != SQLITE_OK) {
    return SqliteError(code, db != nullptr ? sqlite3_errmsg(db) : "out of memory",
                       absl::StrCat("opening ", path));
  }
  if (absl::Status status = connection->Configure(mode, busy_timeout); !status.ok()) {
    return Annotate(status, path);
  }
  return connection;
}

SqliteConnection::~SqliteConnection() {
  for (auto& [sql, statement] : statements_) sqlite3_finalize(statement);
  sqlite3_close(db_);
}

absl::Status SqliteConnection::Configure(Mode mode, absl::Duration busy_timeout) {
  sqlite3_busy_timeout(db_, static_cast<int>(absl::ToInt64Milliseconds(busy_timeout)));
  // Sets the mode and answers with the one in force.
  SR_RETURN_IF_ERROR(
      Expect(mode == Mode::kCreate ? "PRAGMA journal_mode = WAL" : "PRAGMA journal_mode", "wal"));
  SR_RETURN_IF_ERROR(
      Script("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;"
             "PRAGMA journal_size_limit = 67108864;"));
  SR_RETURN_IF_ERROR(Expect("PRAGMA synchronous", "2"));
  return Expect("PRAGMA foreign_keys", "1");
}

absl::Status SqliteConnection::Expect(const char* pragma, std::string_view wanted) {
  SqliteQuery query = Query(pragma);
  const std::string answer = query.Step() ? query.Text(0) : "";
  SR_RETURN_IF_ERROR(query.status());
  if (answer == wanted) return absl::OkStatus();
  return MakeStatus(
      absl::StatusCode::kFailedPrecondition,
      absl::StrCat("\"", pragma, "\" gives \"", answer, "\" instead of \"", Av(wanted),
                   "\": acknowledged uploads would not be safe there; use a local disk"),
      {.reason = "DATABASE_NOT_DURABLE"});
}

SqliteQuery SqliteConnection::Query(const char* sql) {
  const auto it = statements_.find(std::string_view(sql));
  if (it != statements_.end()) return SqliteQuery(db_, it->second, absl::OkStatus());
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(db_, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (code != SQLITE_OK)
    return SqliteQuery(db_, nullptr, SqliteError(code, sqlite3_errmsg(db_), sql));
  statements_.emplace(sql, statement);
  return SqliteQuery(db_, statement, absl::OkStatus());
}

absl::Status SqliteConnection::Script(const char* sql) {
  const int code = sqlite3_exec(db_, sql, nullptr, nullptr, nullptr);
  if (code == SQLITE_OK) return absl::OkStatus();
  return SqliteError(code, sqlite3_errmsg(db_), std::string_view(sql).substr(0, 200));
}

int64_t SqliteConnection::LastInsertId() const { return sqlite3_last_insert_rowid(db_); }
int64_t SqliteConnection::Changes() const { return sqlite3_changes64(db_); }
bool SqliteConnection::InTransaction() const { return sqlite3_get_autocommit(db_) == 0; }

}  // namespace stockroom::api
