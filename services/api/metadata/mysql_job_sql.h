// Statements about jobs in MySQL's words.
#pragma once

#include "services/api/metadata/job_rows.h"
#include "services/api/metadata/mysql_connection.h"

namespace stockroom::api {

// The job is always locked before its image: STRAIGHT_JOIN keeps the planner from turning round.
template <>
struct JobSql<MysqlConnection> {
  static constexpr char kFree[] =
      "SELECT " SR_JOB_COLUMNS ", " SR_IMAGE_COLUMNS
      " FROM jobs STRAIGHT_JOIN images ON images.id = jobs.image_id"
      " WHERE jobs.available_time <= ? ORDER BY jobs.id LIMIT ? FOR UPDATE SKIP LOCKED";
  static constexpr char kHeld[] =
      "SELECT " SR_IMAGE_COLUMNS
      " FROM jobs STRAIGHT_JOIN images ON images.id = jobs.image_id"
      " WHERE jobs.id = ? AND jobs.token = ? AND jobs.leased = 1 FOR UPDATE";
  static constexpr char kOfImage[] = "SELECT id, leased FROM jobs WHERE image_id = ? FOR UPDATE";
};

}  // namespace stockroom::api
