// Jobs as rows. Every function runs within a transaction of its caller.
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
                          const EnqueueRequest& request, absl::Time now);
enum class JobPresence { kNone, kMovedUp, kStays };
// Looks for the image's job; one that waits with less than `priority` is moved up.
absl::StatusOr<JobPresence> MoveUpJobRow(SqliteConnection& db, const std::string& image_id,
                                         JobPriority priority, absl::Time now);
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
absl::StatusOr<MetadataStore::JobCounts> CountJobRows(SqliteConnection& db, absl::Time now,
                                                      int limit);
absl::StatusOr<std::optional<absl::Time>> NextJobRowTime(SqliteConnection& db, absl::Time now);

}  // namespace stockroom::api
