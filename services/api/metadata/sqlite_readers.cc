#include "services/api/metadata/sqlite_readers.h"

#include <utility>

#include "absl/time/clock.h"
#include "services/common/base/status.h"

namespace stockroom::api {

absl::StatusOr<std::unique_ptr<SqliteReaders>> SqliteReaders::Open(const Options& options,
                                                                   Metrics& metrics) {
  Gauge& busy =
      metrics.GetGauge("stockroom_metadata_readers_busy", "Reading database connections in use.");
  std::unique_ptr<SqliteReaders> pool(new SqliteReaders(options.patience, busy));
  for (int i = 0; i < options.connections; ++i) {
    SR_ASSIGN_OR_RETURN(
        auto db,
        SqliteConnection::Open(options.path, SqliteConnection::Mode::kReadOnly, options.patience));
    MutexLock lock(pool->mu_);
    pool->idle_.push_back(std::move(db));
  }
  return pool;
}

absl::StatusOr<std::unique_ptr<SqliteReaders::Reading>> SqliteReaders::Begin() {
  const absl::Time give_up = absl::Now() + patience_;
  std::unique_ptr<SqliteConnection> db;
  {
    MutexLock lock(mu_);
    while (idle_.empty()) {
      const absl::Duration left = give_up - absl::Now();
      if (left <= absl::ZeroDuration()) {
        return Unavailable("DATABASE_BUSY", "all reading database connections are busy");
      }
      returned_.WaitFor(mu_, left);
    }
    db = std::move(idle_.back());
    idle_.pop_back();
  }
  busy_.Add(1);
  std::unique_ptr<Reading> reading(new Reading(*this, std::move(db)));
  SR_RETURN_IF_ERROR(reading->db().Query("BEGIN").Run());
  return reading;
}

SqliteReaders::Reading::~Reading() {
  if (db_->InTransaction()) db_->Query("COMMIT").Run().IgnoreError();
  pool_.busy_.Add(-1);
  MutexLock lock(pool_.mu_);
  pool_.idle_.push_back(std::move(db_));
  pool_.returned_.NotifyOne();
}

}  // namespace stockroom::api
