#include "services/api/metadata/sqlite_jobs.h"

#include <utility>

#include "services/api/metadata/sqlite_rows.h"
#include "services/api/metadata/transitions.h"
#include "services/common/base/ids.h"
#include "services/common/base/status.h"

namespace stockroom::api {
namespace {

constexpr int kJobColumns = 5;

// Jobs that may be leased, oldest first. The plus sign keeps the planner on the index in that
// order: it stops after a few rows, while a range over available_time would sort the whole backlog.
absl::StatusOr<std::vector<LeasedJob>> FindFreeJobs(SqliteConnection& db,
                                                    const LeaseRequest& request) {
  std::vector<LeasedJob> found;
  SqliteQuery query = db.Query(
      "SELECT jobs.id, jobs.image_id, jobs.attempt, jobs.token, jobs.request_id, " SR_IMAGE_COLUMNS
      " FROM jobs JOIN images ON images.id = jobs.image_id"
      " WHERE +jobs.available_time <= ? ORDER BY jobs.create_time, jobs.id LIMIT ?");
  query.Bind(absl::ToUnixMicros(request.now), std::max(request.max_jobs, 0));
  while (query.Step()) {
    LeasedJob leased;
    leased.job.id = query.Text(0);
    leased.job.image_id = query.Text(1);
    leased.job.attempt = static_cast<int32_t>(query.Integer(2)) + 1;
    leased.job.token = query.Integer(3) + 1;
    leased.job.request_id = query.Text(4);
    leased.job.lease_until = StoredTime(request.now + request.lease);
    SR_ASSIGN_OR_RETURN(leased.image, ReadImageRow(query, kJobColumns));
    found.push_back(std::move(leased));
  }
  SR_RETURN_IF_ERROR(query.status());
  return found;
}

}  // namespace

absl::Status InsertJobRow(SqliteConnection& db, const std::string& image_id,
                          const std::string& request_id, absl::Time now) {
  const int64_t micros = absl::ToUnixMicros(now);
  return db
      .Query(
          "INSERT INTO jobs (id, image_id, request_id, attempt, token, leased, lease_holder, "
          "available_time, create_time) VALUES (?, ?, ?, 0, 0, 0, '', ?, ?)")
      .Bind(NewUuidV7(now), image_id, request_id, micros, micros)
      .Run();
}

absl::StatusOr<bool> HasJob(SqliteConnection& db, const std::string& image_id) {
  SqliteQuery query = db.Query("SELECT 1 FROM jobs WHERE image_id = ?");
  const bool found = query.Bind(image_id).Step();
  SR_RETURN_IF_ERROR(query.status());
  return found;
}

absl::StatusOr<Image> ImageOfHeldJob(SqliteConnection& db, const JobRef& job) {
  SqliteQuery query = db.Query("SELECT " SR_IMAGE_COLUMNS
                               " FROM jobs JOIN images ON images.id = jobs.image_id"
                               " WHERE jobs.id = ? AND jobs.token = ? AND jobs.leased = 1");
  query.Bind(job.id, job.token);
  if (query.Step()) return ReadImageRow(query);
  SR_RETURN_IF_ERROR(query.status());
  return LeaseLost(job);
}

absl::Status DeleteJobRow(SqliteConnection& db, const std::string& job_id) {
  return db.Query("DELETE FROM jobs WHERE id = ?").Bind(job_id).Run();
}

absl::StatusOr<std::vector<LeasedJob>> LeaseJobRows(SqliteConnection& db,
                                                    const LeaseRequest& request) {
  SR_ASSIGN_OR_RETURN(std::vector<LeasedJob> found, FindFreeJobs(db, request));
  for (LeasedJob& leased : found) {
    const Job& job = leased.job;
    SR_RETURN_IF_ERROR(db.Query("UPDATE jobs SET attempt = ?, token = ?, leased = 1, "
                                "lease_holder = ?, available_time = ? WHERE id = ?")
                           .Bind(job.attempt, job.token, request.holder,
                                 absl::ToUnixMicros(job.lease_until), job.id)
                           .Run());
    if (BecomeLeased(leased.image)) SR_RETURN_IF_ERROR(UpdateImageRow(db, leased.image));
  }
  return found;
}

absl::StatusOr<bool> RenewJobRow(SqliteConnection& db, const JobRef& job, absl::Time lease_until) {
  SR_RETURN_IF_ERROR(
      db.Query("UPDATE jobs SET available_time = ? WHERE id = ? AND token = ? AND leased = 1")
          .Bind(absl::ToUnixMicros(lease_until), job.id, job.token)
          .Run());
  return db.Changes() > 0;
}

absl::Status ReleaseJobRow(SqliteConnection& db, const JobRef& job, ReleaseKind kind,
                           absl::Time not_before) {
  SR_ASSIGN_OR_RETURN(Image image, ImageOfHeldJob(db, job));
  SR_RETURN_IF_ERROR(
      db.Query("UPDATE jobs SET leased = 0, lease_holder = '', attempt = attempt - ?, "
               "available_time = ? WHERE id = ?")
          .Bind(kind == ReleaseKind::kNotBegun ? 1 : 0, absl::ToUnixMicros(not_before), job.id)
          .Run());
  return BecomeReleased(image) ? UpdateImageRow(db, image) : absl::OkStatus();
}

absl::StatusOr<int> ReleaseAllJobRows(SqliteConnection& db) {
  std::vector<Image> images;
  {
    SqliteQuery query = db.Query("SELECT " SR_IMAGE_COLUMNS
                                 " FROM jobs JOIN images ON images.id = jobs.image_id"
                                 " WHERE jobs.leased = 1");
    SR_ASSIGN_OR_RETURN(images, ReadImageRows(query));
  }
  for (Image& image : images) {
    if (BecomeReleased(image)) SR_RETURN_IF_ERROR(UpdateImageRow(db, image));
  }
  SR_RETURN_IF_ERROR(db.Query("UPDATE jobs SET leased = 0, lease_holder = '', "
                              "available_time = create_time WHERE leased = 1")
                         .Run());
  return static_cast<int>(images.size());
}

absl::StatusOr<MetadataStore::JobCounts> CountJobRows(SqliteConnection& db, absl::Time now) {
  SqliteQuery query = db.Query(
      "SELECT COUNT(*), COALESCE(SUM(CASE WHEN leased = 1 AND available_time > ? THEN 1 ELSE 0 "
      "END), "
      "0) FROM jobs");
  query.Bind(absl::ToUnixMicros(now));
  if (!query.Step()) return query.status();
  const int leased = static_cast<int>(query.Integer(1));
  return MetadataStore::JobCounts{.waiting = static_cast<int>(query.Integer(0)) - leased,
                                  .leased = leased};
}

absl::StatusOr<std::optional<absl::Time>> NextJobRowTime(SqliteConnection& db, absl::Time now) {
  SqliteQuery query = db.Query("SELECT MIN(available_time) FROM jobs WHERE available_time > ?");
  query.Bind(absl::ToUnixMicros(now));
  if (!query.Step()) return query.status();
  if (query.IsNull(0)) return std::nullopt;
  return absl::FromUnixMicros(query.Integer(0));
}

absl::StatusOr<int64_t> AppendEvent(SqliteWrite& write, const char* type,
                                    const std::string& image_id, int64_t revision, absl::Time now) {
  SR_RETURN_IF_ERROR(
      write.db
          .Query("INSERT INTO events (id, type, image_id, revision, time) VALUES (?, ?, ?, ?, ?)")
          .Bind(NewUuidV7(now), type, image_id, revision, absl::ToUnixMicros(now))
          .Run());
  write.wrote_event = true;
  return write.db.LastInsertId();
}

absl::StatusOr<int64_t> LastEventPosition(SqliteConnection& db) {
  SqliteQuery query = db.Query("SELECT COALESCE(MAX(position), 0) FROM events");
  if (!query.Step()) return query.status();
  return query.Integer(0);
}

absl::StatusOr<std::vector<Event>> ReadEventRows(SqliteConnection& db, int64_t position,
                                                 int limit) {
  std::vector<Event> events;
  SqliteQuery query = db.Query(
      "SELECT position, id, type, image_id, revision, time FROM events WHERE position > ? "
      "ORDER BY position LIMIT ?");
  query.Bind(position, std::max(limit, 0));
  while (query.Step()) {
    events.push_back({.position = query.Integer(0),
                      .id = query.Text(1),
                      .type = query.Text(2),
                      .image_id = query.Text(3),
                      .revision = query.Integer(4),
                      .time = absl::FromUnixMicros(query.Integer(5))});
  }
  SR_RETURN_IF_ERROR(query.status());
  return events;
}

}  // namespace stockroom::api
