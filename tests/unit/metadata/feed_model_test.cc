// The sequencer of the change feed against a model of the database, in thousands of schedules.
//
// Writers, rounds that number events and readers of the feed are interleaved at every point where
// they touch the database; rounds die or fall silent anywhere. The sequencing code is the real one.
// Each fault below is what a one-line change of it, or of its SQL, would do; the model must notice.
//
// FEED_MODEL_SEED=n replays one schedule; FEED_MODEL_SCHEDULES=n runs more.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "services/api/metadata/feed_sequencer.h"
#include "services/common/base/status.h"
#include "tests/support/step_scheduler.h"

namespace stockroom::api {
namespace {

using testing::StepScheduler;

enum class Fault {
  kNone,
  kReadBeforeLock,     // the round looks for unnumbered rows before it has the counter
  kNoLock,             // the counter is read without FOR UPDATE
  kNumbersKept,        // numbers are committed one by one, apart from the counter
  kNumbersUnfinished,  // a round sees events of transactions that have not ended
  kReadersByRow,       // readers follow row numbers
  kSilentGoesOn,       // a session that lost its lock may still commit
};

struct Row {
  int image = 0;
  int revision = 0;
  bool committed = false;
  int64_t seq = 0;
};

// The tables events and feed_head, and who has locked what.
class Database {
 public:
  Database(StepScheduler& scheduler, Fault fault) : scheduler_(scheduler), fault_(fault) {}

  StepScheduler& scheduler() { return scheduler_; }
  Fault fault() const { return fault_; }

  std::map<int64_t, Row> rows;
  int64_t next_row = 1;
  int64_t next_seq = 1;
  int head_locked_by = 0;  // session, 0: free
  int next_session = 1;
  std::set<int> ended_sessions;
  std::map<int, bool> image_locked;
  std::map<int, int> revisions;

  // One step of somebody who writes an event of `image`; returns the row's number, 0 if it rolled
  // back.
  int64_t WriteEvent(int image) {
    scheduler_.Await([&] { return !image_locked[image]; });
    image_locked[image] = true;
    const int64_t row = next_row++;
    rows[row] = {.image = image, .revision = revisions[image] + 1};
    scheduler_.Step();
    const bool commits = scheduler_.Choose(5) != 0;
    if (commits) {
      rows[row].committed = true;
      ++revisions[image];
    } else {
      rows.erase(row);
    }
    image_locked[image] = false;
    return commits ? row : 0;
  }

  // As ReadEventRows: the next few of the numbered events.
  std::vector<std::pair<int64_t, int64_t>> Read(int64_t position, int limit) const {
    std::vector<std::pair<int64_t, int64_t>> found;  // position, row
    for (const auto& [number, row] : rows) {
      const int64_t at = fault_ == Fault::kReadersByRow ? number : row.seq;
      if (row.committed && at > position) found.emplace_back(at, number);
    }
    std::sort(found.begin(), found.end());
    found.resize(std::min<size_t>(found.size(), limit));
    return found;
  }

 private:
  StepScheduler& scheduler_;
  const Fault fault_;
};

class ModelRound final : public FeedRound {
 public:
  explicit ModelRound(Database& db) : db_(db), session_(db.next_session++) {}
  ~ModelRound() override { Unlock(); }

  absl::StatusOr<int64_t> LockHead() override {
    if (db_.fault() == Fault::kReadBeforeLock) early_ = Look(1000);
    const bool locks = db_.fault() != Fault::kNoLock;
    if (locks) {
      db_.scheduler().Await([&] { return db_.head_locked_by == 0; });
      db_.head_locked_by = session_;
    }
    const int64_t next = db_.next_seq;
    SR_RETURN_IF_ERROR(Touch());
    return next;
  }

  absl::StatusOr<std::vector<int64_t>> Unnumbered(int limit) override {
    const std::vector<int64_t> rows = early_.empty() ? Look(limit) : early_;
    SR_RETURN_IF_ERROR(Touch());
    return rows;
  }

  absl::Status Number(std::span<const int64_t> rows, int64_t first) override {
    for (size_t i = 0; i < rows.size(); ++i) {
      numbers_[rows[i]] = first + static_cast<int64_t>(i);
      if (db_.fault() == Fault::kNumbersKept) {
        db_.rows[rows[i]].seq = numbers_[rows[i]];
        SR_RETURN_IF_ERROR(Touch());
      }
    }
    return Touch();
  }

  absl::Status Commit(int64_t next) override {
    if (db_.ended_sessions.contains(session_) && db_.fault() != Fault::kSilentGoesOn) {
      return Unavailable("GONE", "the session has ended");
    }
    for (const auto& [row, seq] : numbers_) {
      const auto it = db_.rows.find(row);
      if (it != db_.rows.end()) it->second.seq = seq;
    }
    db_.next_seq = next;
    Unlock();
    return absl::OkStatus();
  }

 private:
  std::vector<int64_t> Look(int limit) const {
    std::vector<int64_t> found;
    for (const auto& [number, row] : db_.rows) {
      const bool visible = row.committed || db_.fault() == Fault::kNumbersUnfinished;
      if (visible && row.seq == 0 && static_cast<int>(found.size()) < limit) {
        found.push_back(number);
      }
    }
    return found;
  }

  // After each statement: others go on; the process may die; the server may end a silent session.
  absl::Status Touch() {
    if (db_.scheduler().Choose(12) == 0) {
      Unlock();
      db_.ended_sessions.insert(session_);
    }
    db_.scheduler().Step();
    if (db_.scheduler().Choose(12) == 0) return Unavailable("DIED", "the process died");
    if (db_.ended_sessions.contains(session_) && db_.fault() != Fault::kSilentGoesOn) {
      return Unavailable("GONE", "the session has ended");
    }
    return absl::OkStatus();
  }

  void Unlock() {
    if (db_.head_locked_by == session_) db_.head_locked_by = 0;
  }

  Database& db_;
  const int session_;
  std::vector<int64_t> early_;
  std::map<int64_t, int64_t> numbers_;
};

class ModelTable final : public FeedTable {
 public:
  explicit ModelTable(Database& db) : db_(db) {}
  absl::StatusOr<std::unique_ptr<FeedRound>> Begin() override {
    return std::make_unique<ModelRound>(db_);
  }
  absl::StatusOr<int64_t> PositionOf(int64_t row) override {
    db_.scheduler().Step();
    return db_.rows.at(row).seq;
  }

 private:
  Database& db_;
};

// Runs one schedule; what is wrong, or "".
class Schedule {
 public:
  Schedule(uint64_t seed, Fault fault) : scheduler_(seed), db_(scheduler_, fault) {}

  std::string Run() {
    for (int i = 0; i < 3; ++i) scheduler_.Add([this] { Write(); });
    for (int i = 0; i < 2; ++i) scheduler_.Add([this, i] { ReadAlong(seen_[i]); });
    if (!scheduler_.Run()) return "everybody waits for ever";
    return wrong_.empty() ? Audit() : wrong_;
  }

 private:
  // An api: commits events and learns their positions. Each has a sequencer of its own.
  void Write() {
    Metrics metrics;
    ModelTable table(db_);
    FeedSequencer sequencer(table, {.max_batch = 2}, metrics);
    for (int i = 0; i < 4; ++i) {
      const int64_t row = db_.WriteEvent(scheduler_.Choose(2));
      scheduler_.Step();
      // Sometimes it dies between the two, and another api numbers the event.
      if (row == 0 || scheduler_.Choose(4) == 0) continue;
      const absl::StatusOr<int64_t> position = sequencer.PositionOf(row);
      if (position.ok()) answered_[row] = *position;
    }
    ++writers_over_;
  }

  void ReadAlong(std::vector<int64_t>& seen) {
    Metrics metrics;
    ModelTable table(db_);
    FeedSequencer sequencer(table, {.max_batch = 2}, metrics);
    int64_t position = 0;
    for (bool last = false;;) {
      scheduler_.Step();
      const auto events = db_.Read(position, 2);
      for (const auto& [at, row] : events) {
        if (at <= position) wrong_ = "a reader's positions do not grow";
        position = at;
        seen.push_back(row);
      }
      if (!events.empty()) continue;
      if (last) return;
      // The look for orphans. Once all are numbered and read, the reader is done.
      const bool writers_over = writers_over_ == 3;
      if (sequencer.NumberAll().ok() && writers_over) last = true;
    }
  }

  std::string Audit() {
    std::map<int64_t, int64_t> order;  // position to row
    for (const auto& [number, row] : db_.rows) {
      if (!row.committed) continue;
      if (row.seq == 0) return "a committed event has no position";
      if (!order.emplace(row.seq, number).second) return "two events have one position";
    }
    std::map<int, int> revisions;
    std::vector<int64_t> feed;
    for (const auto& [position, number] : order) {
      const Row& row = db_.rows.at(number);
      if (row.revision <= revisions[row.image]) return "an image's events are out of order";
      revisions[row.image] = row.revision;
      feed.push_back(number);
    }
    for (const auto& seen : seen_) {
      if (seen != feed) return "a reader missed events, or saw them in another order";
    }
    for (const auto& [row, position] : answered_) {
      if (db_.rows.at(row).seq != position) return "an answer named a wrong position";
    }
    return "";
  }

  StepScheduler scheduler_;
  Database db_;
  int writers_over_ = 0;
  std::string wrong_;
  std::vector<int64_t> seen_[2];
  std::map<int64_t, int64_t> answered_;
};

int Schedules(int otherwise) {
  const char* wanted = std::getenv("FEED_MODEL_SCHEDULES");
  return wanted != nullptr ? std::atoi(wanted) : otherwise;
}

TEST(FeedModel, NoScheduleLosesRepeatsOrReordersAnEvent) {
  if (const char* seed = std::getenv("FEED_MODEL_SEED")) {
    EXPECT_EQ(Schedule(std::strtoull(seed, nullptr, 10), Fault::kNone).Run(), "");
    return;
  }
  const int schedules = Schedules(3000);
  for (int seed = 0; seed < schedules; ++seed) {
    ASSERT_EQ(Schedule(seed, Fault::kNone).Run(), "") << "FEED_MODEL_SEED=" << seed;
  }
}

class FeedModelNotices : public ::testing::TestWithParam<std::pair<const char*, Fault>> {};

TEST_P(FeedModelNotices, TheFault) {
  std::string noticed;
  int seed = 0;
  while (noticed.empty() && seed < 3000) noticed = Schedule(seed++, GetParam().second).Run();
  EXPECT_NE(noticed, "");
  RecordProperty("noticed", noticed + " after " + std::to_string(seed));
  std::cout << noticed << " (schedule " << seed << ")\n";
}

INSTANTIATE_TEST_SUITE_P(
    Faults, FeedModelNotices,
    ::testing::Values(std::pair{"RowsAreReadBeforeTheLock", Fault::kReadBeforeLock},
                      std::pair{"TheCounterIsNotLocked", Fault::kNoLock},
                      std::pair{"NumbersAreCommittedApart", Fault::kNumbersKept},
                      std::pair{"UnfinishedTransactionsAreNumbered", Fault::kNumbersUnfinished},
                      std::pair{"ReadersFollowRowNumbers", Fault::kReadersByRow},
                      std::pair{"ASilentSessionGoesOn", Fault::kSilentGoesOn}),
    [](const auto& kind) { return kind.param.first; });

}  // namespace
}  // namespace stockroom::api
