// Statements about jobs in SQLite's words. One transaction writes at a time: nothing needs a lock.
#pragma once

#include "services/api/metadata/job_rows.h"
#include "services/api/metadata/sqlite_connection.h"

namespace stockroom::api {

template <>
struct JobSql<SqliteConnection> {
  // The plus sign keeps the planner on the primary key: it stops after a few rows, while a range
  // over available_time would sort the whole backlog.
  static constexpr char kFree[] = "SELECT " SR_JOB_COLUMNS ", " SR_IMAGE_COLUMNS
                                  " FROM jobs JOIN images ON images.id = jobs.image_id"
                                  " WHERE +jobs.available_time <= ? ORDER BY jobs.id LIMIT ?";
  static constexpr char kHeld[] = "SELECT " SR_IMAGE_COLUMNS
                                  " FROM jobs JOIN images ON images.id = jobs.image_id"
                                  " WHERE jobs.id = ? AND jobs.token = ? AND jobs.leased = 1";
  static constexpr char kOfImage[] = "SELECT id, leased FROM jobs WHERE image_id = ?";
};

}  // namespace stockroom::api
