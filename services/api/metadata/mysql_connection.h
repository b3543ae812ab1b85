// A thin RAII layer over MySQL Connector/C++: prepared statements only, cached per connection,
// exceptions translated to Status. One thread at a time. The shape is that of sqlite_connection.h,
// so that image_rows.h serves both.
//
// Authentication: whatever plugin the client library brings. Debian's libmariadb3 has
// mysql_native_password built in and caching_sha2_password (MySQL 8's default), sha256_password and
// ed25519 as plugins.
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

namespace sql {
class Connection;
class PreparedStatement;
class ResultSet;
}  // namespace sql

namespace stockroom::api {

struct MysqlAddress {
  std::string host = "127.0.0.1";
  int port = 3306;
  std::string socket;  // path of a Unix socket; used instead of host and port if given
  std::string user;
  std::string password;
  std::string database;

  enum class Tls {
    kOff,
    kRequired,  // encrypted; whoever answers is believed
    kVerified,  // encrypted, and the certificate must be one of tls_ca's and name the host
  };
  Tls tls = Tls::kOff;
  std::string tls_ca;  // PEM file
};

struct MysqlSession {
  // Longest wait for a connection, an answer, or a lock.
  absl::Duration patience = absl::Seconds(5);
  // The server ends the session, and with it its transaction and locks, after this much silence.
  // Zero: the server's own limit.
  absl::Duration silence = absl::ZeroDuration();
};

// The transaction was rolled back by no fault of its own (deadlock, lock wait): run it again.
bool IsSqlRetry(const absl::Status& status);
absl::Status SqlRetry(std::string_view why);
// A unique key had the value already.
bool IsSqlDuplicate(const absl::Status& status);

// A use of a prepared statement; the first error sticks, later calls do nothing. Its destruction
// gives the statement back to the connection, which must outlive it.
class MysqlQuery {
 public:
  ~MysqlQuery();
  MysqlQuery(const MysqlQuery&) = delete;
  MysqlQuery& operator=(const MysqlQuery&) = delete;

  // Binds to the parameters from left to right.
  template <typename... Values>
  MysqlQuery& Bind(const Values&... values) {
    (BindOne(values), ...);
    return *this;
  }

  // True: a row is there to be read. False: no more rows, or an error. The first call runs the
  // statement and fetches all of its rows: bound them.
  bool Step();
  // For statements without rows.
  absl::Status Run();
  const absl::Status& status() const { return status_; }

  int64_t Integer(int column) const;
  bool IsNull(int column) const;
  std::string Text(int column) const;  // also for blobs

 private:
  friend class MysqlConnection;
  MysqlQuery(class MysqlConnection& connection, sql::PreparedStatement* statement,
             absl::Status status);

  void BindOne(int64_t value);
  void BindOne(int value) { BindOne(static_cast<int64_t>(value)); }
  void BindOne(bool) = delete;
  void BindOne(std::string_view value);
  void BindOne(const std::string& value) { BindOne(std::string_view(value)); }
  void BindOne(const char* value) { BindOne(std::string_view(value)); }
  void BindOne(SqlBlob value) { BindOne(value.bytes); }
  void BindOne(const std::optional<int64_t>& value);

  MysqlConnection& connection_;
  sql::PreparedStatement* statement_;
  std::unique_ptr<sql::ResultSet> rows_;
  absl::Status status_;
  unsigned bound_ = 0;
};

class MysqlConnection {
 public:
  // The session reads what is committed, is strict, and has the limits of `session`.
  // UNAVAILABLE; FAILED_PRECONDITION (DATABASE_REFUSED: wrong name or password, no such database;
  // DATABASE_TOO_OLD).
  static absl::StatusOr<std::unique_ptr<MysqlConnection>> Open(const MysqlAddress& address,
                                                               const MysqlSession& session);
  ~MysqlConnection();
  MysqlConnection(const MysqlConnection&) = delete;
  MysqlConnection& operator=(const MysqlConnection&) = delete;

  // `sql` is a constant of the program. Two uses of one text must not overlap.
  MysqlQuery Query(const char* sql);
  // A constant statement without parameters or results.
  absl::Status Execute(const std::string& sql);

  absl::Status Begin() { return Execute("START TRANSACTION"); }
  // All reads of the transaction see the state at its begin.
  absl::Status BeginSnapshot();
  absl::Status Commit() { return Execute("COMMIT"); }
  void Rollback();

  absl::StatusOr<int64_t> LastInsertId();
  // Rows that the last Run found (whether or not their values changed).
  int64_t Changes() const { return changes_; }
  // Nothing can be done with it any more.
  bool broken() const { return broken_; }

  bool is_mariadb() const { return mariadb_; }

 private:
  friend class MysqlQuery;
  explicit MysqlConnection(std::unique_ptr<sql::Connection> connection);
  absl::Status Configure(const MysqlSession& session);
  absl::Status CheckVersion(const std::string& version);
  // The Status of the exception being handled. Call in a catch block.
  absl::Status Translate(std::string_view doing);

  std::unique_ptr<sql::Connection> connection_;
  std::map<std::string_view, std::unique_ptr<sql::PreparedStatement>> statements_;
  int64_t changes_ = 0;
  bool broken_ = false;
  bool mariadb_ = false;
};

}  // namespace stockroom::api
