// Jobs as rows, alike in every SQL database (see image_rows.h). Every function runs within a
// transaction of its caller.
#pragma once

#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/api/domain/metadata_store.h"
#include "services/api/metadata/image_rows.h"
#include "services/api/metadata/transitions.h"
#include "services/common/base/status.h"

// Columns of a job for SELECT, before those of its image.
#define SR_JOB_COLUMNS                                                  \
  "jobs.id, jobs.image_id, jobs.attempt, jobs.token, jobs.request_id, " \
  "jobs.decoder_deaths, jobs.worker_losses"

namespace stockroom::api {

inline constexpr int kJobColumns = 7;

// The statements that databases word differently; each store specialises it:
//   kFree     jobs (SR_JOB_COLUMNS, SR_IMAGE_COLUMNS) whose time (1) has come, in the order of
//             leasing, at most (2), locked; those that others have locked are passed over
//   kHeld     image of the job (1) if it is leased under the token (2), both locked
//   kOfImage  id and leased of the job of the image (1), locked
template <typename Db>
struct JobSql;

template <typename Db>
absl::StatusOr<std::vector<LeasedJob>> FindFreeJobs(Db& db, const LeaseRequest& request) {
  std::vector<LeasedJob> found;
  int background = 0;
  auto query = db.Query(JobSql<Db>::kFree);
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

template <typename Db>
absl::Status InsertJobRow(Db& db, const std::string& image_id, const EnqueueRequest& request,
                          absl::Time now) {
  const int64_t micros = absl::ToUnixMicros(now);
  return db
      .Query(
          "INSERT INTO jobs (id, image_id, request_id, attempt, token, leased, lease_holder, "
          "available_time, create_time, decoder_deaths, worker_losses) "
          "VALUES (?, ?, ?, 0, 0, 0, '', ?, ?, 0, 0)")
      .Bind(NewJobId(request.priority, now), image_id, request.request_id, micros, micros)
      .Run();
}

// Locks the image's job, if it has one: jobs are always locked before their images.
template <typename Db>
absl::Status LockJobOf(Db& db, const std::string& image_id) {
  auto query = db.Query(JobSql<Db>::kOfImage);
  query.Bind(image_id).Step();
  return query.status();
}

enum class JobPresence { kNone, kMovedUp, kStays };
// Looks for the image's job; one that waits with less than `priority` is moved up.
template <typename Db>
absl::StatusOr<JobPresence> MoveUpJobRow(Db& db, const std::string& image_id, JobPriority priority,
                                         absl::Time now) {
  std::string id;
  {
    auto query = db.Query(JobSql<Db>::kOfImage);
    if (!query.Bind(image_id).Step()) {
      SR_RETURN_IF_ERROR(query.status());
      return JobPresence::kNone;
    }
    id = query.Text(0);
    if (query.Integer(1) != 0 || PriorityOf(id) <= priority) return JobPresence::kStays;
  }
  SR_RETURN_IF_ERROR(
      db.Query("UPDATE jobs SET id = ?, available_time = "
               "CASE WHEN available_time > ? THEN ? ELSE available_time END WHERE id = ?")
          .Bind(NewJobId(priority, now), absl::ToUnixMicros(now), absl::ToUnixMicros(now), id)
          .Run());
  return JobPresence::kMovedUp;
}

// The image whose job is leased under exactly this token; FAILED_PRECONDITION otherwise.
template <typename Db>
absl::StatusOr<Image> ImageOfHeldJob(Db& db, const JobRef& job) {
  auto query = db.Query(JobSql<Db>::kHeld);
  query.Bind(job.id, job.token);
  if (query.Step()) return ReadImageRow(query);
  SR_RETURN_IF_ERROR(query.status());
  return LeaseLost(job);
}

template <typename Db>
absl::Status DeleteJobRow(Db& db, const std::string& job_id) {
  return db.Query("DELETE FROM jobs WHERE id = ?").Bind(job_id).Run();
}

template <typename Db>
absl::StatusOr<std::vector<LeasedJob>> LeaseJobRows(Db& db, const LeaseRequest& request) {
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

// False if the lease is lost.
template <typename Db>
absl::StatusOr<bool> RenewJobRow(Db& db, const JobRef& job, absl::Time lease_until) {
  SR_RETURN_IF_ERROR(
      db.Query("UPDATE jobs SET available_time = ? WHERE id = ? AND token = ? AND leased = 1")
          .Bind(absl::ToUnixMicros(lease_until), job.id, job.token)
          .Run());
  return db.Changes() > 0;
}

// Those that are still held.
template <typename Db>
absl::StatusOr<std::vector<JobRef>> RenewJobRows(Db& db, std::span<const JobRef> jobs,
                                                 absl::Time lease_until) {
  std::vector<JobRef> held;
  for (const JobRef& job : jobs) {
    SR_ASSIGN_OR_RETURN(const bool renewed, RenewJobRow(db, job, lease_until));
    if (renewed) held.push_back(job);
  }
  return held;
}

template <typename Db>
absl::Status ReleaseJobRow(Db& db, const JobRef& job, ReleaseKind kind, absl::Time not_before) {
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

template <typename Db>
absl::StatusOr<int> ReleaseAllJobRows(Db& db) {
  std::vector<Image> images;
  {
    auto query = db.Query("SELECT " SR_IMAGE_COLUMNS
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

template <typename Db>
absl::StatusOr<MetadataStore::JobCounts> CountJobRows(Db& db, absl::Time now, int limit) {
  auto query = db.Query(
      "SELECT COUNT(*), COALESCE(SUM(leased = 1 AND available_time > ?), 0) FROM "
      "(SELECT leased, available_time FROM jobs ORDER BY id LIMIT ?) AS first_jobs");
  query.Bind(absl::ToUnixMicros(now), std::max(limit, 0));
  if (!query.Step()) return query.status();
  const int leased = static_cast<int>(query.Integer(1));
  return MetadataStore::JobCounts{.waiting = static_cast<int>(query.Integer(0)) - leased,
                                  .leased = leased};
}

template <typename Db>
absl::StatusOr<std::optional<absl::Time>> NextJobRowTime(Db& db, absl::Time now) {
  auto query = db.Query("SELECT MIN(available_time) FROM jobs WHERE available_time > ?");
  query.Bind(absl::ToUnixMicros(now));
  if (!query.Step()) return query.status();
  if (query.IsNull(0)) return std::nullopt;
  return absl::FromUnixMicros(query.Integer(0));
}

}  // namespace stockroom::api
