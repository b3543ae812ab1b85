#include "services/api/metadata/mysql_connection.h"

#include <cppconn/exception.h>
#include <cppconn/prepared_statement.h>
#include <cppconn/resultset.h>
#include <cppconn/statement.h>
#include <mysql_connection.h>
#include <mysql_driver.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"

namespace stockroom::api {
namespace {

constexpr char kRetryReason[] = "SQL_RETRY";
constexpr char kDuplicateReason[] = "SQL_DUPLICATE";

// Client errors (2000 to 2999) and those with which a server takes leave.
bool EndsConnection(int code) {
  switch (code) {
    case 1053:  // server shutdown in progress
    case 1158:  // the network errors
    case 1159:
    case 1160:
    case 1161:
    case 1927:  // connection was killed
    case 4031:  // idle for too long (MySQL)
      return true;
    default:
      return code >= 2000 && code < 3000;
  }
}

absl::Status FromCode(int code, const std::string& message) {
  switch (code) {
    case 1020:  // record has changed since last read
    case 1205:  // lock wait timeout
    case 1213:  // deadlock
    case 3058:  // deadlock with user locks
    case 3572:  // lock not available
      return SqlRetry(message);
    case 1062:
    case 1586:
      return MakeStatus(absl::StatusCode::kAlreadyExists, message, {.reason = kDuplicateReason});
    case 1044:
    case 1045:
    case 1049:
    case 1142:
    case 1698:
      return MakeStatus(absl::StatusCode::kFailedPrecondition, message,
                        {.reason = "DATABASE_REFUSED"});
    case 1021:
    case 1041:
    case 1114:
      return MakeStatus(absl::StatusCode::kResourceExhausted, message, {.reason = "DATABASE_FULL"});
    case 1040:  // too many connections
    case 1203:
    case 1226:
    case 1290:  // read-only: a replica, or a fail-over under way
    case 1317:  // query interrupted
    case 1792:
    case 1836:
    case 1969:  // max_statement_time
    case 3024:  // max_execution_time
      return Unavailable("DATABASE_BUSY", message);
    default:
      if (EndsConnection(code)) return Unavailable("DATABASE_AWAY", message);
      return MakeStatus(absl::StatusCode::kInternal, message, {.reason = "SQL_ERROR"});
  }
}

sql::ConnectOptionsMap OptionsFor(const MysqlAddress& address, const MysqlSession& session) {
  // The connector rounds to seconds; a fraction of one would mean "for ever".
  const int seconds = static_cast<int>(
      std::max<int64_t>(1, absl::ToInt64Seconds(absl::Ceil(session.patience, absl::Seconds(1)))));
  sql::ConnectOptionsMap options;
  if (address.socket.empty()) {
    options["hostName"] = sql::SQLString("tcp://" + address.host);
    options["port"] = address.port;
  } else {
    options["hostName"] = sql::SQLString("unix://" + address.socket);
  }
  options["userName"] = sql::SQLString(address.user);
  options["password"] = sql::SQLString(address.password);
  options["schema"] = sql::SQLString(address.database);
  options["OPT_CHARSET_NAME"] = sql::SQLString("utf8mb4");
  options["OPT_CONNECT_TIMEOUT"] = seconds;
  // The server's own limits come first, and leave the session usable.
  options["OPT_READ_TIMEOUT"] = seconds + 2;
  options["OPT_WRITE_TIMEOUT"] = seconds + 2;
  options["CLIENT_FOUND_ROWS"] = true;
  if (address.tls != MysqlAddress::Tls::kOff) options["sslEnforce"] = true;
  if (address.tls == MysqlAddress::Tls::kVerified) options["sslVerify"] = true;
  if (!address.tls_ca.empty()) options["sslCA"] = sql::SQLString(address.tls_ca);
  return options;
}

}  // namespace

absl::Status SqlRetry(std::string_view why) {
  return MakeStatus(absl::StatusCode::kAborted, why, {.reason = kRetryReason});
}
bool IsSqlRetry(const absl::Status& status) {
  return absl::IsAborted(status) && DetailsOf(status).reason == kRetryReason;
}
bool IsSqlDuplicate(const absl::Status& status) {
  return absl::IsAlreadyExists(status) && DetailsOf(status).reason == kDuplicateReason;
}

MysqlQuery::MysqlQuery(MysqlConnection& connection, sql::PreparedStatement* statement,
                       absl::Status status)
    : connection_(connection), statement_(statement), status_(std::move(status)) {}

MysqlQuery::~MysqlQuery() {
  try {
    rows_.reset();
  } catch (const std::exception&) {
    // A result set that can not be closed goes with its connection.
    connection_.broken_ = true;
  }
}

void MysqlQuery::BindOne(int64_t value) {
  if (!status_.ok()) return;
  try {
    statement_->setInt64(++bound_, value);
  } catch (const std::exception&) {
    status_ = connection_.Translate("binding a number");
  }
}

void MysqlQuery::BindOne(std::string_view value) {
  if (!status_.ok()) return;
  try {
    statement_->setString(++bound_, sql::SQLString(std::string(value)));
  } catch (const std::exception&) {
    status_ = connection_.Translate("binding a text");
  }
}

void MysqlQuery::BindOne(const std::optional<int64_t>& value) {
  if (value) return BindOne(*value);
  if (!status_.ok()) return;
  try {
    statement_->setNull(++bound_, 0);
  } catch (const std::exception&) {
    status_ = connection_.Translate("binding null");
  }
}

bool MysqlQuery::Step() {
  if (!status_.ok()) return false;
  try {
    if (!rows_) rows_.reset(statement_->executeQuery());
    return rows_->next();
  } catch (const std::exception&) {
    status_ = connection_.Translate("a query");
    return false;
  }
}

absl::Status MysqlQuery::Run() {
  if (!status_.ok()) return status_;
  try {
    connection_.changes_ = statement_->executeUpdate();
  } catch (const std::exception&) {
    status_ = connection_.Translate("a statement");
  }
  return status_;
}

int64_t MysqlQuery::Integer(int column) const { return rows_->getInt64(column + 1); }
bool MysqlQuery::IsNull(int column) const { return rows_->isNull(column + 1); }
std::string MysqlQuery::Text(int column) const {
  sql::SQLString text = rows_->getString(column + 1);
  // It gives its string for reading only, but is our own: half of the columns' bytes are not
  // copied.
  return std::move(const_cast<std::string&>(text.asStdString()));
}

MysqlConnection::MysqlConnection(std::unique_ptr<sql::Connection> connection)
    : connection_(std::move(connection)) {}

MysqlConnection::~MysqlConnection() {
  try {
    statements_.clear();
    connection_.reset();
  } catch (const std::exception&) {
    connection_.release();  // better a leak than an end of the process
  }
}

absl::StatusOr<std::unique_ptr<MysqlConnection>> MysqlConnection::Open(
    const MysqlAddress& address, const MysqlSession& session) {
  sql::ConnectOptionsMap options = OptionsFor(address, session);
  std::unique_ptr<sql::Connection> raw;
  try {
    // The first call makes the driver, under a lock of its own.
    raw.reset(sql::mysql::get_driver_instance()->connect(options));
  } catch (const sql::SQLException& e) {
    return Annotate(FromCode(e.getErrorCode(), e.what()), "connecting to the database");
  } catch (const std::exception& e) {
    return Unavailable("DATABASE_AWAY", absl::StrCat("connecting to the database: ", e.what()));
  }
  auto connection = std::unique_ptr<MysqlConnection>(new MysqlConnection(std::move(raw)));
  SR_RETURN_IF_ERROR(connection->Configure(session));
  return connection;
}

absl::Status MysqlConnection::CheckVersion(const std::string& version) {
  int major = 0;
  int minor = 0;
  std::sscanf(version.c_str(), "%d.%d", &major, &minor);
  mariadb_ = version.find("MariaDB") != std::string::npos;
  const bool new_enough = mariadb_ ? std::pair(major, minor) >= std::pair(10, 6) : major >= 8;
  if (new_enough) return absl::OkStatus();
  return MakeStatus(absl::StatusCode::kFailedPrecondition,
                    "the database is version " + version +
                        "; Stockroom needs MySQL 8.0, MariaDB 10.6, or newer (SKIP LOCKED)",
                    {.reason = "DATABASE_TOO_OLD"});
}

absl::Status MysqlConnection::Configure(const MysqlSession& session) {
  {
    MysqlQuery version = Query("SELECT VERSION()");
    if (!version.Step()) return version.status();
    SR_RETURN_IF_ERROR(CheckVersion(version.Text(0)));
  }
  SR_RETURN_IF_ERROR(Execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"));
  const int64_t patience = std::max<int64_t>(1, absl::ToInt64Seconds(session.patience));
  std::string settings = absl::StrCat(
      "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', time_zone = '+00:00',"
      " innodb_lock_wait_timeout = ",
      patience);
  // MySQL limits only SELECT so; its writes are bounded by the lock wait and the read timeout.
  absl::StrAppend(&settings, mariadb_ ? ", max_statement_time = " : ", max_execution_time = ",
                  mariadb_ ? patience : patience * 1000);
  if (session.silence > absl::ZeroDuration()) {
    const int64_t silence = std::max<int64_t>(1, absl::ToInt64Seconds(session.silence));
    absl::StrAppend(&settings, ", wait_timeout = ", silence);
    if (mariadb_) absl::StrAppend(&settings, ", idle_transaction_timeout = ", silence);
  }
  return Execute(settings);
}

MysqlQuery MysqlConnection::Query(const char* sql) {
  try {
    auto& statement = statements_[sql];
    if (!statement) statement.reset(connection_->prepareStatement(sql));
    return MysqlQuery(*this, statement.get(), absl::OkStatus());
  } catch (const std::exception&) {
    absl::Status status = Translate("preparing a statement");
    statements_.erase(sql);
    return MysqlQuery(*this, nullptr, std::move(status));
  }
}

absl::Status MysqlConnection::Execute(const std::string& sql) {
  try {
    const std::unique_ptr<sql::Statement> statement(connection_->createStatement());
    statement->execute(sql);
    return absl::OkStatus();
  } catch (const std::exception&) {
    return Translate(sql.substr(0, sql.find_first_of(" \n")));
  }
}

absl::Status MysqlConnection::BeginSnapshot() {
  SR_RETURN_IF_ERROR(Execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"));
  return Execute("START TRANSACTION WITH CONSISTENT SNAPSHOT");
}

void MysqlConnection::Rollback() {
  if (broken_) return;
  // A session whose transaction can not be ended must not serve anybody else.
  if (!Execute("ROLLBACK").ok()) broken_ = true;
}

absl::StatusOr<int64_t> MysqlConnection::LastInsertId() {
  MysqlQuery query = Query("SELECT LAST_INSERT_ID()");
  if (!query.Step()) return query.status();
  return query.Integer(0);
}

absl::Status MysqlConnection::Translate(std::string_view doing) {
  try {
    throw;
  } catch (const sql::SQLException& e) {
    if (EndsConnection(e.getErrorCode())) broken_ = true;
    return FromCode(e.getErrorCode(), absl::StrCat("database, ", Av(doing), ": ", e.what(),
                                                   " (error ", e.getErrorCode(), ")"));
  } catch (const std::exception& e) {
    broken_ = true;
    return MakeStatus(absl::StatusCode::kInternal,
                      absl::StrCat("database, ", Av(doing), ": ", e.what()),
                      {.reason = "SQL_ERROR"});
  }
}

}  // namespace stockroom::api
