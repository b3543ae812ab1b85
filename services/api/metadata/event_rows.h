// Events as rows, alike in every SQL database (see image_rows.h) but for the column that holds the
// position: statements that name it are the caller's, and constants, as connections keep them by
// their text. Every function runs within a transaction of its caller.
#pragma once

#include <algorithm>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/api/domain/metadata_store.h"
#include "services/common/base/ids.h"
#include "services/common/base/status.h"

namespace stockroom::api {

// `image` as after the change; of a deleted one the revision is one more than its last.
template <typename Db>
absl::Status InsertEventRow(Db& db, const char* type, const Image& image, absl::Time now) {
  return db
      .Query(
          "INSERT INTO events (id, type, image_id, revision, time, owner, visibility) "
          "VALUES (?, ?, ?, ?, ?, ?, ?)")
      .Bind(NewUuidV7(now), type, image.id, image.revision, absl::ToUnixMicros(now), image.owner,
            static_cast<int>(SeenAs(image)))
      .Run();
}

// What `select` finds for (position, limit): position, id, type, image_id, revision, time, owner,
// visibility, in this order.
template <typename Db>
absl::StatusOr<std::vector<Event>> SelectEventRows(Db& db, const char* select, int64_t position,
                                                   int limit) {
  std::vector<Event> events;
  auto query = db.Query(select);
  query.Bind(position, std::max(limit, 0));
  while (query.Step()) {
    events.push_back(Event{.position = query.Integer(0),
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

// Deletes the events from before `before`, at most `limit`, and none behind one that stays.
// `select` finds (position, time) for (end of the feed, limit): those that may go, in order;
// `erase` deletes up to a position. Returns how many they were, and the position of the last.
struct TrimmedRows {
  int count = 0;
  int64_t last = 0;
};
template <typename Db>
absl::StatusOr<TrimmedRows> DeleteOldEventRows(Db& db, const char* select, const char* erase,
                                               int64_t feed_end, absl::Time before, int limit) {
  TrimmedRows old;
  {
    auto query = db.Query(select);
    query.Bind(feed_end, std::max(limit, 0));
    while (query.Step() && query.Integer(1) < absl::ToUnixMicros(before)) {
      old.last = query.Integer(0);
      ++old.count;
    }
    SR_RETURN_IF_ERROR(query.status());
  }
  if (old.count == 0) return old;
  SR_RETURN_IF_ERROR(db.Query(erase).Bind(old.last).Run());
  return old;
}

}  // namespace stockroom::api
