// Statements about moderation in MySQL's words.
#pragma once

#include "services/api/metadata/moderation_rows.h"
#include "services/api/metadata/mysql_connection.h"

namespace stockroom::api {

template <>
struct ModerationSql<MysqlConnection> {
  // Reads what is committed, whatever the transaction has seen before, and keeps it from changing.
  static constexpr char kFence[] = "SELECT version FROM block_list WHERE id = 1 LOCK IN SHARE MODE";
};

}  // namespace stockroom::api
