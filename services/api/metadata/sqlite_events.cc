#include "services/api/metadata/sqlite_events.h"

#include "services/api/metadata/event_rows.h"
#include "services/api/metadata/transitions.h"
#include "services/common/base/status.h"

namespace stockroom::api {
namespace {

constexpr char kSelect[] =
    "SELECT position, id, type, image_id, revision, time, owner, visibility FROM events "
    "WHERE position > ? ORDER BY position LIMIT ?";
constexpr char kSelectOld[] =
    "SELECT position, time FROM events WHERE position < ? ORDER BY position LIMIT ?";
constexpr char kErase[] = "DELETE FROM events WHERE position <= ?";

}  // namespace

absl::Status AppendEvent(SqliteConnection& db, const char* type, const Image& image,
                         absl::Time now) {
  return InsertEventRow(db, type, image, now);
}

absl::StatusOr<MetadataStore::FeedRange> ReadFeedRange(SqliteConnection& db) {
  SqliteQuery query = db.Query(
      "SELECT trimmed, COALESCE((SELECT MAX(position) FROM events), trimmed) FROM feed "
      "WHERE id = 1");
  if (!query.Step()) return query.status();
  return MetadataStore::FeedRange{.trimmed = query.Integer(0), .last = query.Integer(1)};
}

absl::StatusOr<std::vector<Event>> ReadEventRows(SqliteConnection& db, int64_t position,
                                                 int limit) {
  SR_ASSIGN_OR_RETURN(const MetadataStore::FeedRange range, ReadFeedRange(db));
  if (position < range.trimmed) return FeedTrimmed(position, range.trimmed);
  return SelectEventRows(db, kSelect, position, limit);
}

absl::StatusOr<int> TrimEventRows(SqliteConnection& db, absl::Time before, int limit) {
  SR_ASSIGN_OR_RETURN(const MetadataStore::FeedRange range, ReadFeedRange(db));
  SR_ASSIGN_OR_RETURN(const TrimmedRows old,
                      DeleteOldEventRows(db, kSelectOld, kErase, range.last, before, limit));
  if (old.count == 0) return 0;
  SR_RETURN_IF_ERROR(db.Query("UPDATE feed SET trimmed = ? WHERE id = 1").Bind(old.last).Run());
  return old.count;
}

}  // namespace stockroom::api
