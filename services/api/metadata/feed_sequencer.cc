#include "services/api/metadata/feed_sequencer.h"

#include <utility>

#include "services/common/base/status.h"

namespace stockroom::api {

FeedSequencer::FeedSequencer(FeedTable& table, Options options, Metrics& metrics)
    : table_(table),
      options_(options),
      rounds_total_(metrics.GetCounter("stockroom_feed_rounds_total",
                                       "Transactions that gave events their positions.")),
      failures_total_(metrics.GetCounter("stockroom_feed_round_failures_total",
                                         "Such transactions that failed.")) {}

absl::StatusOr<int64_t> FeedSequencer::RunRound(std::map<int64_t, int64_t>& found) {
  rounds_total_.Add();
  SR_ASSIGN_OR_RETURN(const std::unique_ptr<FeedRound> round, table_.Begin());
  SR_ASSIGN_OR_RETURN(const int64_t first, round->LockHead());
  // After the lock: what another round has numbered must not be seen as it was before.
  SR_ASSIGN_OR_RETURN(const std::vector<int64_t> rows, round->Unnumbered(options_.max_batch));
  if (rows.empty()) return first;
  SR_RETURN_IF_ERROR(round->Number(rows, first));
  const int64_t next = first + static_cast<int64_t>(rows.size());
  SR_RETURN_IF_ERROR(round->Commit(next));
  for (size_t i = 0; i < rows.size(); ++i) found[rows[i]] = first + static_cast<int64_t>(i);
  return next;
}

absl::StatusOr<int64_t> FeedSequencer::NumberAll() {
  Lead();
  absl::StatusOr<int64_t> last = absl::UnknownError("");
  for (bool more = true; more;) {
    std::map<int64_t, int64_t> found;
    const absl::StatusOr<int64_t> next = RunRound(found);
    more = next.ok() && static_cast<int>(found.size()) == options_.max_batch;
    last = next.ok() ? absl::StatusOr<int64_t>(*next - 1) : next.status();
  }
  StopLeading();
  return last;
}

void FeedSequencer::Lead() {
  MutexLock lock(mu_);
  while (leading_) changed_.Wait(mu_);
  leading_ = true;
}

void FeedSequencer::StopLeading() {
  MutexLock lock(mu_);
  leading_ = false;
  changed_.NotifyAll();
}

absl::StatusOr<int64_t> FeedSequencer::PositionOf(int64_t row) {
  mu_.Lock();
  waiting_.emplace(row, std::nullopt);
  // The first to find no leader leads one round, for all who wait by then.
  while (!waiting_.at(row)) {
    if (leading_) {
      changed_.Wait(mu_);
      continue;
    }
    leading_ = true;
    std::vector<int64_t> rows;
    for (const auto& [each, result] : waiting_) {
      if (!result) rows.push_back(each);
    }
    mu_.Unlock();
    Serve(std::move(rows));
    mu_.Lock();
    leading_ = false;
    changed_.NotifyAll();
  }
  absl::StatusOr<int64_t> result = *std::move(waiting_.at(row));
  waiting_.erase(row);
  mu_.Unlock();
  return result;
}

void FeedSequencer::Serve(std::vector<int64_t> rows) {
  std::map<int64_t, absl::StatusOr<int64_t>> results;
  absl::Status failure;
  for (int failures = 0; !rows.empty() && failures < options_.tries;) {
    std::map<int64_t, int64_t> found;
    const absl::StatusOr<int64_t> next = RunRound(found);
    if (!next.ok()) {
      failure = next.status();
      failures_total_.Add();
      ++failures;
      continue;
    }
    std::vector<int64_t> missing;
    for (const int64_t row : rows) {
      const auto it = found.find(row);
      // A round of another process may have been first.
      absl::StatusOr<int64_t> position =
          it != found.end() ? absl::StatusOr<int64_t>(it->second) : table_.PositionOf(row);
      if (position.ok() && *position == 0) {
        missing.push_back(row);
      } else {
        results.emplace(row, std::move(position));
      }
    }
    rows = std::move(missing);
    // All that is committed was seen, and it is not among it: it will not be the next time either.
    if (static_cast<int>(found.size()) < options_.max_batch && !rows.empty()) {
      failure = absl::InternalError("an event that was committed is not among the events");
      break;
    }
  }
  for (const int64_t row : rows) results.emplace(row, failure);
  MutexLock lock(mu_);
  for (auto& [row, result] : results) waiting_.at(row) = std::move(result);
}

}  // namespace stockroom::api
