// The numbered steps that make a MySQL database what this Stockroom expects. Never edit one that
// was released: append the next. MySQL commits after every statement that changes the schema, so a
// step may be cut off anywhere: write each statement so that it can be repeated.
#pragma once

#include <span>

#include "services/api/metadata/migrations/migration.h"

namespace stockroom::api {

std::span<const Migration> MysqlMigrations();

}  // namespace stockroom::api
