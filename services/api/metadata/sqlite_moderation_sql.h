// Statements about moderation in SQLite's words. One transaction writes at a time: nothing needs a
// lock.
#pragma once

#include "services/api/metadata/moderation_rows.h"
#include "services/api/metadata/sqlite_connection.h"

namespace stockroom::api {

template <>
struct ModerationSql<SqliteConnection> {
  static constexpr char kFence[] = "SELECT version FROM block_list WHERE id = 1";
};

}  // namespace stockroom::api
