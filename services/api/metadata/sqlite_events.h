// Events as rows. Every function runs within a transaction of its caller.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/api/domain/metadata_store.h"
#include "services/api/metadata/sqlite_connection.h"

namespace stockroom::api {

// `image` as after the change; of a deleted one the revision is one more than its last. Its
// position is the number of its row: SQLite commits one transaction after the other, so the order
// of the row numbers is the order of the commits.
absl::Status AppendEvent(SqliteConnection& db, const char* type, const Image& image,
                         absl::Time now);
absl::StatusOr<MetadataStore::FeedRange> ReadFeedRange(SqliteConnection& db);
// See MetadataStore.
absl::StatusOr<std::vector<Event>> ReadEventRows(SqliteConnection& db, int64_t position, int limit);
absl::StatusOr<int> TrimEventRows(SqliteConnection& db, absl::Time before, int limit);

}  // namespace stockroom::api
