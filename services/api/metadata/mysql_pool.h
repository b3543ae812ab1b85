// A bounded pool of database connections.
#pragma once

#include <deque>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/api/metadata/mysql_connection.h"
#include "services/common/base/backoff.h"
#include "services/common/base/metrics.h"
#include "services/common/base/mutex.h"

namespace stockroom::api {

// Thread-safe. Connections are made when needed; one that lay idle for long, or since another
// broke, is asked whether it still lives before it is given out; broken ones are dropped. While the
// database refuses connections, attempts are spaced by a backoff and everybody else is told at
// once. Metrics: stockroom_database_connections_busy, stockroom_database_connections_opened_total,
// stockroom_database_connect_failures_total.
class MysqlPool {
 public:
  struct Options {
    MysqlAddress address;
    MysqlSession session;
    // More than the threads that use it would lie idle.
    int connections = 16;
    // Below every firewall's and the server's usual limit of idleness.
    absl::Duration check_after = absl::Seconds(15);
  };
  MysqlPool(Options options, Metrics& metrics);

  // A connection that goes back to the pool at its end. Must not outlive the pool.
  class Lease {
   public:
    Lease(MysqlPool& pool, std::unique_ptr<MysqlConnection> db)
        : pool_(&pool), db_(std::move(db)) {}
    Lease(Lease&&) = default;
    Lease& operator=(Lease&&) = delete;
    ~Lease() {
      if (db_) pool_->Return(std::move(db_));
    }
    MysqlConnection& db() { return *db_; }

   private:
    MysqlPool* pool_;
    std::unique_ptr<MysqlConnection> db_;
  };
  // UNAVAILABLE when all connections stay busy for the session's patience, or the database is away.
  absl::StatusOr<Lease> Take();

 private:
  struct Idle {
    std::unique_ptr<MysqlConnection> db;
    absl::Time since;
  };
  // A place to have a connection in, and one that lay idle if there is any.
  absl::StatusOr<std::unique_ptr<MysqlConnection>> TakePlace();
  absl::StatusOr<std::unique_ptr<MysqlConnection>> Connect();
  void Return(std::unique_ptr<MysqlConnection> db);
  void LeavePlace();

  const Options options_;
  Gauge& busy_gauge_;
  Counter& opened_total_;
  Counter& failures_total_;

  Mutex mu_;
  CondVar returned_;
  std::deque<Idle> idle_ SR_GUARDED_BY(mu_);
  // When a connection broke last: the server may have restarted.
  absl::Time broke_ SR_GUARDED_BY(mu_) = absl::InfinitePast();
  int busy_ SR_GUARDED_BY(mu_) = 0;
  Backoff backoff_ SR_GUARDED_BY(mu_){{}};
  absl::Time not_before_ SR_GUARDED_BY(mu_) = absl::InfinitePast();
  absl::Status last_failure_ SR_GUARDED_BY(mu_);
};

}  // namespace stockroom::api
