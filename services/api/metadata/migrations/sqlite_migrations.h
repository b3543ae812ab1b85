// The numbered steps that make a database what this Stockroom expects. Never edit one that was
// released: append the next.
#pragma once

#include <span>

#include "services/api/metadata/migrations/migration.h"

namespace stockroom::api {

std::span<const Migration> SqliteMigrations();

}  // namespace stockroom::api
