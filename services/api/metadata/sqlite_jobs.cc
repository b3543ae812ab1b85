#include "services/api/metadata/sqlite_jobs.h"

#include <utility>

#include "services/api/metadata/sqlite_rows.h"
#include "services/api/metadata/transitions.h"
#include "services/common/base/status.h"

namespace stockroom::api {
namespace {

constexpr int kJobColumns = 7;

// Jobs that may be leased, in their order. The plus sign keeps the planner on the primary key: it
// stops after a few rows, while a range over available_time would sort the whole backlog.
absl::StatusOr<std::vector<LeasedJob>> FindFreeJobs(SqliteConnection& db,
                                                    const LeaseRequest& request) {
  std::vector<LeasedJob> found;
  int background = 0;
  SqliteQuery query = db.Query(
      "SELECT jobs.id, jobs.image_id, jobs.attempt, jobs.token, jobs.request_id, "
      "jobs.decoder_deaths, jobs.worker_losses, " SR_IMAGE_COLUMNS
      " FROM jobs JOIN images ON images.id = jobs.image_id"
      " WHERE +jobs.available_time <= ? ORDER BY jobs.id LIMIT ?");
  query.Bind(absl::ToUnixMicros(request.now), std::max(request.max_jobs, 0));
  while (query.Step()) {
    LeasedJob leased;
    Job& job = leased.job;
    job.id = query.Text(0);
    job.priority = PriorityOf(job.id);
    if (job.priority == JobPriority::kBackground && ++background > request.max_background) break;
    job.image_id = query.Text(1);
    job.attempt = static_cast<int32_t>(query.Integer(2)) + 1;
    job.token = query.Integer(3) + 1;
    job.request_id = query.Text(4);
    job.decoder_deaths = static_cast<int32_t>(query.Integer(5));
    job.worker_losses = static_cast<int32_t>(query.Integer(6));
    job.lease_until = StoredTime(request.now + request.lease);
    SR_ASSIGN_OR_RETURN(leased.image, ReadImageRow(query, kJobColumns));
    found.push_back(std::move(leased));
  }
  SR_RETURN_IF_ERROR(query.status());
  return found;
}

}  // namespace

absl::Status InsertJobRow(SqliteConnection& db, const std::string& image_id,
                          const EnqueueRequest& request, absl::Time now) {
  const int64_t micros = absl::ToUnixMicros(now);
  return db
      .Query(
          "INSERT INTO jobs (id, image_id, request_id, attempt, token, leased, lease_holder, "
          "available_time, create_time) VALUES (?, ?, ?, 0, 0, 0, '', ?, ?)")
      .Bind(NewJobId(request.priority, now), image_id, request.request_id, micros, micros)
      .Run();
}

absl::StatusOr<JobPresence> MoveUpJobRow(SqliteConnection& db, const std::string& image_id,
                                         JobPriority priority, absl::Time now) {
  std::string id;
  {
    SqliteQuery query = db.Query("SELECT id, leased FROM jobs WHERE image_id = ?");
    if (!query.Bind(image_id).Step()) {
      SR_RETURN_IF_ERROR(query.status());
      return JobPresence::kNone;
    }
    id = query.Text(0);
    if (query.Integer(1) != 0 || PriorityOf(id) <= priority) return JobPresence::kStays;
  }
  SR_RETURN_IF_ERROR(
      db.Query("UPDATE jobs SET id = ?, available_time = MIN(available_time, ?) WHERE id = ?")
          .Bind(NewJobId(priority, now), absl::ToUnixMicros(now), id)
          .Run());
  return JobPresence::kMovedUp;
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
  Job change;
  CountRelease(change, kind);
  SR_RETURN_IF_ERROR(
      db.Query("UPDATE jobs SET leased = 0, lease_holder = '', attempt = attempt + ?, "
               "decoder_deaths = decoder_deaths + ?, worker_losses = worker_losses + ?, "
               "available_time = ? WHERE id = ?")
          .Bind(change.attempt, change.decoder_deaths, change.worker_losses,
                absl::ToUnixMicros(not_before), job.id)
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

absl::StatusOr<MetadataStore::JobCounts> CountJobRows(SqliteConnection& db, absl::Time now,
                                                      int limit) {
  SqliteQuery query = db.Query(
      "SELECT COUNT(*), COALESCE(SUM(leased = 1 AND available_time > ?), 0) FROM "
      "(SELECT leased, available_time FROM jobs ORDER BY id LIMIT ?)");
  query.Bind(absl::ToUnixMicros(now), std::max(limit, 0));
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

}  // namespace stockroom::api
