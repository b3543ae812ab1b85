// Events as rows. Every function runs within a transaction of its caller.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/api/domain/metadata_store.h"
#include "services/api/metadata/sqlite_connection.h"
#include "services/api/metadata/sqlite_writer.h"

namespace stockroom::api {

// `image` as after the change; of a deleted one the revision is one more than its last. Returns the
// event's position: SQLite commits one transaction after the other, so the order of the row numbers
// is the order of the commits.
absl::StatusOr<int64_t> AppendEvent(SqliteWrite& write, const char* type, const Image& image,
                                    absl::Time now);
absl::StatusOr<MetadataStore::FeedRange> ReadFeedRange(SqliteConnection& db);
// See MetadataStore.
absl::StatusOr<std::vector<Event>> ReadEventRows(SqliteConnection& db, int64_t position, int limit);
absl::StatusOr<int> TrimEventRows(SqliteConnection& db, absl::Time before, int limit);

}  // namespace stockroom::api
