// Jobs and events as rows. Every function runs within a transaction of its caller.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/api/domain/metadata_store.h"
#include "services/api/metadata/sqlite_connection.h"
#include "services/api/metadata/sqlite_writer.h"

namespace stockroom::api {

absl::Status InsertJobRow(SqliteConnection& db, const std::string& image_id,
                          const std::string& request_id, absl::Time now);
absl::StatusOr<bool> HasJob(SqliteConnection& db, const std::string& image_id);
// The image whose job is leased under exactly this token; FAILED_PRECONDITION otherwise.
absl::StatusOr<Image> ImageOfHeldJob(SqliteConnection& db, const JobRef& job);
absl::Status DeleteJobRow(SqliteConnection& db, const std::string& job_id);

absl::StatusOr<std::vector<LeasedJob>> LeaseJobRows(SqliteConnection& db,
                                                    const LeaseRequest& request);
// False if the lease is lost.
absl::StatusOr<bool> RenewJobRow(SqliteConnection& db, const JobRef& job, absl::Time lease_until);
absl::Status ReleaseJobRow(SqliteConnection& db, const JobRef& job, ReleaseKind kind,
                           absl::Time not_before);
absl::StatusOr<int> ReleaseAllJobRows(SqliteConnection& db);
absl::StatusOr<MetadataStore::JobCounts> CountJobRows(SqliteConnection& db, absl::Time now);
absl::StatusOr<std::optional<absl::Time>> NextJobRowTime(SqliteConnection& db, absl::Time now);

// Returns the event's position. `revision` is that of the image after the change.
absl::StatusOr<int64_t> AppendEvent(SqliteWrite& write, const char* type,
                                    const std::string& image_id, int64_t revision, absl::Time now);
absl::StatusOr<int64_t> LastEventPosition(SqliteConnection& db);
absl::StatusOr<std::vector<Event>> ReadEventRows(SqliteConnection& db, int64_t position, int limit);

}  // namespace stockroom::api
