// Many threads, one writing connection, few syncs: calls that arrive while a commit is under way
// are run in one transaction together, each in a savepoint of its own, and answered after its
// COMMIT.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "services/api/metadata/image_rows.h"
#include "services/api/metadata/sqlite_connection.h"
#include "services/api/metadata/sqlite_events.h"
#include "services/common/base/metrics.h"
#include "services/common/base/mutex.h"

namespace stockroom::api {

// What a piece of work gets: the connection within a transaction, and a flag to raise when it wrote
// an event.
struct SqliteWrite {
  SqliteConnection& db;
  bool wrote_event = false;

  // See store_transactions.h. One transaction writes at a time: rows need no lock, and the look for
  // a twin is all that a claim needs.
  absl::StatusOr<Image> LockImage(const std::string& id) { return FindImageRow(db, id); }
  absl::Status ClaimBytes(const Image&) { return absl::OkStatus(); }
  absl::Status Append(const char* type, const Image& image, absl::Time now) {
    wrote_event = true;
    return AppendEvent(db, type, image, now);
  }
};

// Thread-safe. Metrics: stockroom_metadata_writes_total, _commits_total, _writes_waiting.
class SqliteWriter {
 public:
  struct Options {
    // Calls in one transaction: bounds what one slow commit holds up.
    int max_batch = 64;
    // Calls that wait; past it RESOURCE_EXHAUSTED.
    int max_waiting = 1024;
    // For tests: runs before each COMMIT; an error fails the commit.
    std::function<absl::Status()> before_commit;
  };
  SqliteWriter(std::unique_ptr<SqliteConnection> db, Options options, Metrics& metrics);

  // Runs `work` once, perhaps on another caller's thread, while this one waits. An error of `work`
  // undoes what it did, not what its neighbours did. OK means committed and synced. When the commit
  // fails everyone in it gets the error.
  absl::Status Run(absl::FunctionRef<absl::Status(SqliteWrite&)> work);

  // Set before first use; see MetadataStore.
  void SetCommitListener(std::function<void()> listener) { listener_ = std::move(listener); }

 private:
  struct Call {
    absl::FunctionRef<absl::Status(SqliteWrite&)> work;
    absl::Status result;
    bool done = false;
  };

  std::vector<Call*> TakeBatch() SR_REQUIRES(mu_);
  void RunBatch(const std::vector<Call*>& batch);
  // Runs all calls and commits; an error means that nothing happened.
  absl::Status Transact(const std::vector<Call*>& batch, bool& wrote_event);
  absl::Status RunInSavepoint(Call& call, bool& wrote_event);

  const Options options_;
  Counter& writes_;
  Counter& commits_;
  Gauge& waiting_;
  std::function<void()> listener_;
  // Used by whichever thread leads.
  const std::unique_ptr<SqliteConnection> db_;

  Mutex mu_;
  CondVar changed_;
  std::deque<Call*> queue_ SR_GUARDED_BY(mu_);
  bool leading_ SR_GUARDED_BY(mu_) = false;
};

}  // namespace stockroom::api
