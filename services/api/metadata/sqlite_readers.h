// A bounded pool of reading connections; in WAL mode they neither wait for the writer nor hold it
// up.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/api/metadata/sqlite_connection.h"
#include "services/common/base/metrics.h"
#include "services/common/base/mutex.h"

namespace stockroom::api {

// Thread-safe. Metric: stockroom_metadata_readers_busy.
class SqliteReaders {
 public:
  struct Options {
    std::string path;
    int connections = 4;
    // How long a call waits for a connection, and a connection for a lock.
    absl::Duration patience = absl::Seconds(5);
  };
  static absl::StatusOr<std::unique_ptr<SqliteReaders>> Open(const Options& options,
                                                             Metrics& metrics);

  // A read transaction: all its queries see one state. Must not outlive the pool.
  class Reading {
   public:
    ~Reading();
    Reading(const Reading&) = delete;
    Reading& operator=(const Reading&) = delete;
    SqliteConnection& db() { return *db_; }

   private:
    friend class SqliteReaders;
    Reading(SqliteReaders& pool, std::unique_ptr<SqliteConnection> db)
        : pool_(pool), db_(std::move(db)) {}
    SqliteReaders& pool_;
    std::unique_ptr<SqliteConnection> db_;
  };
  // UNAVAILABLE when all connections stay busy.
  absl::StatusOr<std::unique_ptr<Reading>> Begin();

 private:
  SqliteReaders(absl::Duration patience, Gauge& busy) : patience_(patience), busy_(busy) {}

  const absl::Duration patience_;
  Gauge& busy_;
  Mutex mu_;
  CondVar returned_;
  std::vector<std::unique_ptr<SqliteConnection>> idle_ SR_GUARDED_BY(mu_);
};

}  // namespace stockroom::api
