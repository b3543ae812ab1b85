#include "services/api/metadata/sqlite_writer.h"

#include <exception>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/common/base/status.h"

namespace stockroom::api {

SqliteWriter::SqliteWriter(std::unique_ptr<SqliteConnection> db, Options options, Metrics& metrics)
    : options_(std::move(options)),
      writes_(metrics.GetCounter("stockroom_metadata_writes_total", "Calls that wrote.")),
      commits_(metrics.GetCounter("stockroom_metadata_commits_total",
                                  "Transactions; one holds the calls that waited together.")),
      waiting_(metrics.GetGauge("stockroom_metadata_writes_waiting", "Calls that wait to write.")),
      db_(std::move(db)) {}

absl::Status SqliteWriter::Run(absl::FunctionRef<absl::Status(SqliteWrite&)> work) {
  Call call{work, absl::OkStatus()};
  mu_.Lock();
  if (static_cast<int>(queue_.size()) >= options_.max_waiting) {
    mu_.Unlock();
    return Overloaded("too many writes wait for the database", absl::Milliseconds(500));
  }
  queue_.push_back(&call);
  waiting_.Set(static_cast<int64_t>(queue_.size()));
  // The first to find no leader leads until its own call is done, then somebody else does.
  while (!call.done) {
    if (leading_) {
      changed_.Wait(mu_);
      continue;
    }
    leading_ = true;
    const std::vector<Call*> batch = TakeBatch();
    mu_.Unlock();
    RunBatch(batch);
    mu_.Lock();
    leading_ = false;
    for (Call* each : batch) each->done = true;
    changed_.NotifyAll();
  }
  mu_.Unlock();
  return call.result;
}

std::vector<SqliteWriter::Call*> SqliteWriter::TakeBatch() {
  std::vector<Call*> batch;
  while (!queue_.empty() && static_cast<int>(batch.size()) < options_.max_batch) {
    batch.push_back(queue_.front());
    queue_.pop_front();
  }
  waiting_.Set(static_cast<int64_t>(queue_.size()));
  return batch;
}

void SqliteWriter::RunBatch(const std::vector<Call*>& batch) {
  bool wrote_event = false;
  const absl::Status status = Transact(batch, wrote_event);
  if (!status.ok()) {
    if (db_->InTransaction()) db_->Script("ROLLBACK").IgnoreError();
    for (Call* call : batch) {
      if (call->result.ok()) call->result = status;
    }
    return;
  }
  writes_.Add(batch.size());
  commits_.Add();
  if (wrote_event && listener_) listener_();
}

absl::Status SqliteWriter::Transact(const std::vector<Call*>& batch, bool& wrote_event) {
  SR_RETURN_IF_ERROR(db_->Query("BEGIN IMMEDIATE").Run());
  for (Call* call : batch) SR_RETURN_IF_ERROR(RunInSavepoint(*call, wrote_event));
  if (options_.before_commit) SR_RETURN_IF_ERROR(options_.before_commit());
  return db_->Query("COMMIT").Run();
}

absl::Status SqliteWriter::RunInSavepoint(Call& call, bool& wrote_event) {
  SR_RETURN_IF_ERROR(db_->Query("SAVEPOINT one_call").Run());
  SqliteWrite write{*db_};
  try {
    call.result = call.work(write);
  } catch (const std::exception& e) {
    call.result =
        absl::InternalError(absl::StrCat("exception during a database write: ", e.what()));
  }
  // Disk full and the like end the whole transaction, and with it the work of the neighbours.
  if (!db_->InTransaction()) {
    return call.result.ok() ? absl::InternalError("the database ended the transaction")
                            : call.result;
  }
  if (!call.result.ok()) SR_RETURN_IF_ERROR(db_->Query("ROLLBACK TO one_call").Run());
  wrote_event = wrote_event || (call.result.ok() && write.wrote_event);
  return db_->Query("RELEASE one_call").Run();
}

}  // namespace stockroom::api
