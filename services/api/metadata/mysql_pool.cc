#include "services/api/metadata/mysql_pool.h"

#include <utility>

#include "absl/time/clock.h"
#include "services/common/base/status.h"

namespace stockroom::api {

MysqlPool::MysqlPool(Options options, Metrics& metrics)
    : options_(std::move(options)),
      busy_gauge_(
          metrics.GetGauge("stockroom_database_connections_busy", "Database connections in use.")),
      opened_total_(metrics.GetCounter("stockroom_database_connections_opened_total",
                                       "Database connections made.")),
      failures_total_(metrics.GetCounter("stockroom_database_connect_failures_total",
                                         "Failed attempts to connect to the database.")) {}

absl::StatusOr<MysqlPool::Lease> MysqlPool::Take() {
  SR_ASSIGN_OR_RETURN(std::unique_ptr<MysqlConnection> db, TakePlace());
  if (db == nullptr) {
    absl::StatusOr<std::unique_ptr<MysqlConnection>> made = Connect();
    if (!made.ok()) {
      LeavePlace();
      return made.status();
    }
    db = *std::move(made);
  }
  return Lease(*this, std::move(db));
}

absl::StatusOr<std::unique_ptr<MysqlConnection>> MysqlPool::TakePlace() {
  const absl::Time deadline = absl::Now() + options_.session.patience;
  Idle found;
  bool suspicious = false;
  {
    MutexLock lock(mu_);
    while (busy_ >= options_.connections) {
      const absl::Duration left = deadline - absl::Now();
      if (left <= absl::ZeroDuration()) {
        return Unavailable("DATABASE_BUSY", "all database connections are busy; try again shortly");
      }
      returned_.WaitFor(mu_, left);
    }
    busy_gauge_.Set(++busy_);
    if (idle_.empty()) return nullptr;
    // The one used last is the likeliest to live.
    found = std::move(idle_.back());
    idle_.pop_back();
    suspicious = found.since <= broke_ || absl::Now() - found.since >= options_.check_after;
  }
  if (!suspicious) return std::move(found.db);
  MysqlQuery ping = found.db->Query("SELECT 1");
  if (ping.Step()) return std::move(found.db);
  return nullptr;
}

absl::StatusOr<std::unique_ptr<MysqlConnection>> MysqlPool::Connect() {
  {
    MutexLock lock(mu_);
    if (absl::Now() < not_before_) return last_failure_;
  }
  absl::StatusOr<std::unique_ptr<MysqlConnection>> made =
      MysqlConnection::Open(options_.address, options_.session);
  MutexLock lock(mu_);
  if (made.ok()) {
    opened_total_.Add();
    backoff_.Reset();
    not_before_ = absl::InfinitePast();
  } else {
    failures_total_.Add();
    not_before_ = absl::Now() + backoff_.Next();
    last_failure_ = made.status();
  }
  return made;
}

void MysqlPool::Return(std::unique_ptr<MysqlConnection> db) {
  {
    MutexLock lock(mu_);
    if (db->broken()) {
      broke_ = absl::Now();
    } else {
      idle_.push_back({std::move(db), absl::Now()});
    }
  }
  db.reset();
  LeavePlace();
}

void MysqlPool::LeavePlace() {
  MutexLock lock(mu_);
  busy_gauge_.Set(--busy_);
  returned_.NotifyOne();
}

}  // namespace stockroom::api
