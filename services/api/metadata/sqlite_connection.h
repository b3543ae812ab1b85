// A thin RAII layer over SQLite's C API: prepared statements only, cached per connection, errors as
// Status. One thread at a time.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/api/metadata/sql_blob.h"

struct sqlite3;
struct sqlite3_stmt;

namespace stockroom::api {

// BUSY, LOCKED, IOERR, PROTOCOL and CANTOPEN are UNAVAILABLE; FULL and NOMEM RESOURCE_EXHAUSTED;
// CORRUPT and NOTADB DATA_LOSS; all else INTERNAL.
absl::Status SqliteError(int code, std::string_view message, std::string_view doing);

// A use of a prepared statement; the first error sticks, later calls do nothing. Its destruction
// gives the statement back to the connection, which must outlive it.
class SqliteQuery {
 public:
  ~SqliteQuery();
  SqliteQuery(const SqliteQuery&) = delete;
  SqliteQuery& operator=(const SqliteQuery&) = delete;

  // Binds to the parameters from left to right.
  template <typename... Values>
  SqliteQuery& Bind(const Values&... values) {
    (BindOne(values), ...);
    return *this;
  }

  // True: a row is there to be read. False: no more rows, or an error.
  bool Step();
  // For statements without rows.
  absl::Status Run();
  const absl::Status& status() const { return status_; }

  int64_t Integer(int column) const;
  bool IsNull(int column) const;
  std::string Text(int column) const;  // also for blobs

 private:
  friend class SqliteConnection;
  SqliteQuery(sqlite3* db, sqlite3_stmt* statement, absl::Status status)
      : db_(db), statement_(statement), status_(std::move(status)) {}

  void BindOne(int64_t value);
  void BindOne(int value) { BindOne(static_cast<int64_t>(value)); }
  void BindOne(bool) = delete;
  void BindOne(std::string_view value);
  void BindOne(const std::string& value) { BindOne(std::string_view(value)); }
  void BindOne(const char* value) { BindOne(std::string_view(value)); }
  void BindOne(SqlBlob value);
  void BindOne(const std::optional<int64_t>& value);
  void Check(int code);

  sqlite3* db_;
  sqlite3_stmt* statement_;
  absl::Status status_;
  int bound_ = 0;
};

class SqliteConnection {
 public:
  enum class Mode { kCreate, kReadOnly };
  // WAL, synchronous=FULL and foreign keys are set and read back: FAILED_PRECONDITION if one did
  // not take, as acknowledged writes would not be safe.
  static absl::StatusOr<std::unique_ptr<SqliteConnection>> Open(const std::string& path, Mode mode,
                                                                absl::Duration busy_timeout);
  ~SqliteConnection();
  SqliteConnection(const SqliteConnection&) = delete;
  SqliteConnection& operator=(const SqliteConnection&) = delete;

  // `sql` is a constant of the program. Two uses of one text must not overlap.
  SqliteQuery Query(const char* sql);
  // A constant script without parameters or results.
  absl::Status Script(const char* sql);

  int64_t LastInsertId() const;
  // Rows that the last statement changed.
  int64_t Changes() const;
  // Some errors (disk full, I/O) end a transaction by themselves.
  bool InTransaction() const;

 private:
  explicit SqliteConnection(sqlite3* db) : db_(db) {}
  absl::Status Configure(Mode mode, absl::Duration busy_timeout);
  absl::Status Expect(const char* pragma, std::string_view wanted);

  sqlite3* db_;
  std::map<std::string, sqlite3_stmt*, std::less<>> statements_;
};

}  // namespace stockroom::api
