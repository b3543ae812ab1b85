#include "services/api/metadata/sqlite_events.h"

#include <algorithm>

#include "services/api/metadata/transitions.h"
#include "services/common/base/ids.h"
#include "services/common/base/status.h"

namespace stockroom::api {

absl::Status AppendEvent(SqliteConnection& db, const char* type, const Image& image,
                         absl::Time now) {
  return db
      .Query(
          "INSERT INTO events (id, type, image_id, revision, time, owner, visibility) "
          "VALUES (?, ?, ?, ?, ?, ?, ?)")
      .Bind(NewUuidV7(now), type, image.id, image.revision, absl::ToUnixMicros(now), image.owner,
            static_cast<int>(image.described.visibility))
      .Run();
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
  std::vector<Event> events;
  SqliteQuery query = db.Query(
      "SELECT position, id, type, image_id, revision, time, owner, visibility FROM events "
      "WHERE position > ? ORDER BY position LIMIT ?");
  query.Bind(position, std::max(limit, 0));
  while (query.Step()) {
    events.push_back({.position = query.Integer(0),
                      .id = query.Text(1),
                      .type = query.Text(2),
                      .image_id = query.Text(3),
                      .revision = query.Integer(4),
                      .time = absl::FromUnixMicros(query.Integer(5)),
                      .owner = query.Text(6),
                      .visibility = static_cast<Visibility>(query.Integer(7))});
  }
  SR_RETURN_IF_ERROR(query.status());
  return events;
}

absl::StatusOr<int> TrimEventRows(SqliteConnection& db, absl::Time before, int limit) {
  SR_ASSIGN_OR_RETURN(const MetadataStore::FeedRange range, ReadFeedRange(db));
  int64_t last_old = 0;
  int count = 0;
  {
    SqliteQuery query =
        db.Query("SELECT position, time FROM events WHERE position < ? ORDER BY position LIMIT ?");
    query.Bind(range.last, std::max(limit, 0));
    while (query.Step() && query.Integer(1) < absl::ToUnixMicros(before)) {
      last_old = query.Integer(0);
      ++count;
    }
    SR_RETURN_IF_ERROR(query.status());
  }
  if (count == 0) return 0;
  SR_RETURN_IF_ERROR(db.Query("DELETE FROM events WHERE position <= ?").Bind(last_old).Run());
  SR_RETURN_IF_ERROR(db.Query("UPDATE feed SET trimmed = ? WHERE id = 1").Bind(last_old).Run());
  return count;
}

}  // namespace stockroom::api
