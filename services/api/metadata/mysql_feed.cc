#include "services/api/metadata/mysql_feed.h"

#include <utility>

#include "services/api/metadata/event_rows.h"
#include "services/api/metadata/transitions.h"
#include "services/common/base/status.h"

namespace stockroom::api {
namespace {

constexpr char kSelect[] =
    "SELECT seq, id, type, image_id, revision, time, owner, visibility FROM events "
    "WHERE seq > ? ORDER BY seq LIMIT ?";
constexpr char kSelectOld[] =
    "SELECT seq, time FROM events WHERE seq IS NOT NULL AND seq < ? ORDER BY seq LIMIT ?";
constexpr char kErase[] = "DELETE FROM events WHERE seq <= ?";

}  // namespace

absl::StatusOr<int64_t> AppendEvent(MysqlConnection& db, const char* type, const Image& image,
                                    absl::Time now) {
  SR_RETURN_IF_ERROR(InsertEventRow(db, type, image, now));
  return db.LastInsertId();
}

absl::StatusOr<MetadataStore::FeedRange> ReadFeedRange(MysqlConnection& db) {
  MysqlQuery query = db.Query("SELECT trimmed, next_seq - 1 FROM feed_head WHERE id = 1");
  if (!query.Step()) return query.status();
  return MetadataStore::FeedRange{.trimmed = query.Integer(0), .last = query.Integer(1)};
}

absl::StatusOr<std::vector<Event>> ReadEventRows(MysqlConnection& db, int64_t position, int limit) {
  SR_ASSIGN_OR_RETURN(std::vector<Event> events, SelectEventRows(db, kSelect, position, limit));
  // After the events: what was trimmed before they were read shows here.
  SR_ASSIGN_OR_RETURN(const MetadataStore::FeedRange range, ReadFeedRange(db));
  if (position < range.trimmed) return FeedTrimmed(position, range.trimmed);
  return events;
}

absl::StatusOr<bool> HasUnnumberedEvents(MysqlConnection& db) {
  MysqlQuery query = db.Query("SELECT 1 FROM events WHERE seq IS NULL LIMIT 1");
  const bool found = query.Step();
  SR_RETURN_IF_ERROR(query.status());
  return found;
}

absl::StatusOr<int> TrimEventRows(MysqlConnection& db, absl::Time before, int limit) {
  SR_ASSIGN_OR_RETURN(const MetadataStore::FeedRange range, ReadFeedRange(db));
  SR_ASSIGN_OR_RETURN(const TrimmedRows old,
                      DeleteOldEventRows(db, kSelectOld, kErase, range.last, before, limit));
  if (old.count == 0) return 0;
  SR_RETURN_IF_ERROR(db.Query("UPDATE feed_head SET trimmed = GREATEST(trimmed, ?) WHERE id = 1")
                         .Bind(old.last)
                         .Run());
  return old.count;
}

class MysqlFeedTable::Round final : public FeedRound {
 public:
  Round(MysqlFeedTable& table, std::unique_ptr<MysqlConnection> db)
      : table_(table), db_(std::move(db)) {}
  ~Round() override {
    if (!committed_) db_->Rollback();
    if (!db_->broken()) table_.GiveBack(std::move(db_));
  }

  absl::StatusOr<int64_t> LockHead() override {
    MysqlQuery query = db_->Query("SELECT next_seq FROM feed_head WHERE id = 1 FOR UPDATE");
    if (query.Step()) return query.Integer(0);
    SR_RETURN_IF_ERROR(query.status());
    return MakeStatus(absl::StatusCode::kDataLoss, "the table feed_head has lost its row",
                      {.reason = "DATABASE_CORRUPT"});
  }

  absl::StatusOr<std::vector<int64_t>> Unnumbered(int limit) override {
    std::vector<int64_t> rows;
    MysqlQuery query =
        db_->Query("SELECT row_id FROM events WHERE seq IS NULL ORDER BY row_id LIMIT ?");
    query.Bind(limit);
    while (query.Step()) rows.push_back(query.Integer(0));
    SR_RETURN_IF_ERROR(query.status());
    return rows;
  }

  // Rows that follow one another are numbered by one statement.
  absl::Status Number(std::span<const int64_t> rows, int64_t first) override {
    for (size_t begin = 0; begin < rows.size();) {
      size_t end = begin + 1;
      while (end < rows.size() && rows[end] == rows[end - 1] + 1) ++end;
      const int64_t shift = first + static_cast<int64_t>(begin) - rows[begin];
      SR_RETURN_IF_ERROR(
          db_->Query("UPDATE events SET seq = row_id + ? WHERE row_id BETWEEN ? AND ?")
              .Bind(shift, rows[begin], rows[end - 1])
              .Run());
      begin = end;
    }
    return absl::OkStatus();
  }

  absl::Status Commit(int64_t next) override {
    SR_RETURN_IF_ERROR(
        db_->Query("UPDATE feed_head SET next_seq = ? WHERE id = 1").Bind(next).Run());
    if (table_.before_commit_) SR_RETURN_IF_ERROR(table_.before_commit_());
    SR_RETURN_IF_ERROR(db_->Commit());
    committed_ = true;
    return absl::OkStatus();
  }

 private:
  MysqlFeedTable& table_;
  std::unique_ptr<MysqlConnection> db_;
  bool committed_ = false;
};

MysqlFeedTable::MysqlFeedTable(MysqlAddress address, MysqlSession session, MysqlPool& pool,
                               std::function<absl::Status()> before_commit)
    : address_(std::move(address)),
      session_{.patience = session.patience, .silence = kSilence},
      pool_(pool),
      before_commit_(std::move(before_commit)) {}

absl::StatusOr<std::unique_ptr<FeedRound>> MysqlFeedTable::Begin() {
  std::unique_ptr<MysqlConnection> db;
  {
    MutexLock lock(mu_);
    if (absl::Now() - idle_since_ < kSilence / 2) db = std::move(idle_);
    idle_.reset();
  }
  if (db == nullptr) {
    SR_ASSIGN_OR_RETURN(db, MysqlConnection::Open(address_, session_));
  }
  SR_RETURN_IF_ERROR(db->Begin());
  return std::make_unique<Round>(*this, std::move(db));
}

void MysqlFeedTable::GiveBack(std::unique_ptr<MysqlConnection> db) {
  MutexLock lock(mu_);
  idle_ = std::move(db);
  idle_since_ = absl::Now();
}

absl::StatusOr<int64_t> MysqlFeedTable::PositionOf(int64_t row) {
  SR_ASSIGN_OR_RETURN(MysqlPool::Lease lease, pool_.Take());
  MysqlQuery query = lease.db().Query("SELECT COALESCE(seq, 0) FROM events WHERE row_id = ?");
  if (query.Bind(row).Step()) return query.Integer(0);
  SR_RETURN_IF_ERROR(query.status());
  return MakeStatus(absl::StatusCode::kInternal, "the event was forgotten before it was answered",
                    {.reason = "EVENT_GONE"});
}

}  // namespace stockroom::api
