#include "services/api/metadata/mysql_snapshot.h"

#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "services/api/metadata/image_rows.h"
#include "services/api/metadata/mysql_feed.h"
#include "services/common/base/mutex.h"
#include "services/common/base/status.h"

namespace stockroom::api {
namespace {

// Rows of one page: the connector holds a whole answer in memory.
constexpr int kPage = 500;

// Deals out the ids in pieces: which end where only decides who reads what, so that the readers'
// snapshots need not be the same.
class Pieces {
 public:
  struct Piece {
    std::string after;                // exclusive
    std::optional<std::string> last;  // inclusive; none: to the end
  };

  // Nothing: all were dealt out, or a reader has failed.
  absl::StatusOr<std::optional<Piece>> Next(MysqlConnection& db) {
    MutexLock lock(mu_);
    if (over_) return std::nullopt;
    MysqlQuery query = db.Query("SELECT id FROM images WHERE id > ? ORDER BY id LIMIT 1 OFFSET ?");
    query.Bind(after_, kPage - 1);
    Piece piece{.after = after_, .last = std::nullopt};
    if (query.Step()) {
      piece.last = after_ = query.Text(0);
    } else {
      SR_RETURN_IF_ERROR(query.status());
      over_ = true;
    }
    return piece;
  }

  void Fail(absl::Status status) {
    MutexLock lock(mu_);
    over_ = true;
    status_.Update(std::move(status));
  }
  absl::Status status() {
    MutexLock lock(mu_);
    return status_;
  }

 private:
  Mutex mu_;
  std::string after_ SR_GUARDED_BY(mu_);
  bool over_ SR_GUARDED_BY(mu_) = false;
  absl::Status status_ SR_GUARDED_BY(mu_);
};

using Visit = std::function<absl::Status(std::vector<Image>)>;

absl::Status VisitPiece(MysqlConnection& db, const Pieces::Piece& piece, const Visit& visit) {
  if (!piece.last) {
    MysqlQuery rows = db.Query("SELECT " SR_IMAGE_COLUMNS " FROM images WHERE id > ? ORDER BY id");
    rows.Bind(piece.after);
    return VisitImageRows(rows, visit);
  }
  MysqlQuery rows =
      db.Query("SELECT " SR_IMAGE_COLUMNS " FROM images WHERE id > ? AND id <= ? ORDER BY id");
  rows.Bind(piece.after, *piece.last);
  return VisitImageRows(rows, visit);
}

absl::Status ReadPieces(MysqlConnection& db, Pieces& pieces, const Visit& visit) {
  for (;;) {
    SR_ASSIGN_OR_RETURN(const std::optional<Pieces::Piece> piece, pieces.Next(db));
    if (!piece) return absl::OkStatus();
    SR_RETURN_IF_ERROR(VisitPiece(db, *piece, visit));
  }
}

}  // namespace

absl::StatusOr<int64_t> VisitImages(MysqlPool& pool, int readers,
                                    const std::function<absl::Status(std::vector<Image>)>& visit) {
  SR_ASSIGN_OR_RETURN(MysqlPool::Lease lease, pool.Take());
  SR_RETURN_IF_ERROR(lease.db().BeginSnapshot());
  const absl::StatusOr<MetadataStore::FeedRange> range = ReadFeedRange(lease.db());
  Pieces pieces;
  const auto read = [&](MysqlConnection& db) {
    if (absl::Status done = ReadPieces(db, pieces, visit); !done.ok()) pieces.Fail(std::move(done));
    db.Rollback();
  };
  std::vector<std::thread> others;
  if (range.ok()) {
    for (int i = 1; i < readers; ++i) {
      others.emplace_back([&] {
        // A snapshot of its own: later than the position, which is allowed. Without a connection
        // the others do its part.
        absl::StatusOr<MysqlPool::Lease> own = pool.Take();
        if (own.ok() && own->db().BeginSnapshot().ok()) read(own->db());
      });
    }
  } else {
    pieces.Fail(range.status());
  }
  read(lease.db());
  for (std::thread& other : others) other.join();
  SR_RETURN_IF_ERROR(pieces.status());
  return range->last;
}

}  // namespace stockroom::api
