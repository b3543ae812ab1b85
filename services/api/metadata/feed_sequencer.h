// Gives committed events their positions.
//
// Transactions take their row numbers early and commit late, so row numbers appear out of order: a
// reader that follows them skips events. A counter that each writing transaction locks would be in
// order, and let one transaction commit at a time. So events are written without a position, and
// whoever has committed one then sees to it that it gets one: in a short transaction of its own
// that locks the counter, numbers every event that is committed and has no number, and commits both
// together. The lock is the lease: the database gives it to one session at a time and takes it back
// when that session dies or falls silent. That the counter moves in the transaction that used it is
// the fence: a round that was cut off has numbered nothing.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/common/base/metrics.h"
#include "services/common/base/mutex.h"

namespace stockroom::api {

// One transaction on the events. Destroying it without Commit undoes it and frees the lock.
class FeedRound {
 public:
  virtual ~FeedRound() = default;
  // Locks the counter; blocks while another round has it. Returns the next position.
  virtual absl::StatusOr<int64_t> LockHead() = 0;
  // The first `limit` rows, by number, that are committed now and have no position.
  virtual absl::StatusOr<std::vector<int64_t>> Unnumbered(int limit) = 0;
  // Gives rows[i] the position first + i.
  virtual absl::Status Number(std::span<const int64_t> rows, int64_t first) = 0;
  // Stores the counter and commits.
  virtual absl::Status Commit(int64_t next) = 0;
};

class FeedTable {
 public:
  virtual ~FeedTable() = default;
  virtual absl::StatusOr<std::unique_ptr<FeedRound>> Begin() = 0;
  // Position of a committed row, 0 if it has none yet.
  virtual absl::StatusOr<int64_t> PositionOf(int64_t row) = 0;
};

// Thread-safe. Many callers, one round at a time: those that commit while a round is under way are
// served together by the next. Metrics: stockroom_feed_rounds_total,
// stockroom_feed_round_failures_total.
class FeedSequencer {
 public:
  struct Options {
    // Events in one round: bounds how long others wait for the counter.
    int max_batch = 1000;
    // Rounds that may fail before the callers are told that nobody knows the position.
    int tries = 3;
  };
  FeedSequencer(FeedTable& table, Options options, Metrics& metrics);

  // Position of an event of the caller's that is committed. Blocks for a round or two. The error of
  // the database if it can not be had now; the event then gets one in some later round.
  absl::StatusOr<int64_t> PositionOf(int64_t row);

  // Numbers all that is committed. The last position given.
  absl::StatusOr<int64_t> NumberAll();

 private:
  // One round; `found` is what it numbered. Returns the next position.
  absl::StatusOr<int64_t> RunRound(std::map<int64_t, int64_t>& found);
  // One round at a time, whoever leads.
  void Lead();
  void StopLeading();
  // Leads until no one waits. Called without the lock held.
  void Serve(std::vector<int64_t> rows);

  FeedTable& table_;
  const Options options_;
  Counter& rounds_total_;
  Counter& failures_total_;

  Mutex mu_;
  CondVar changed_;
  bool leading_ SR_GUARDED_BY(mu_) = false;
  // Rows that callers wait for.
  std::map<int64_t, std::optional<absl::StatusOr<int64_t>>> waiting_ SR_GUARDED_BY(mu_);
};

}  // namespace stockroom::api
