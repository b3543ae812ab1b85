// The numbered steps of a schema, whatever the database.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>

#include "absl/status/status.h"

namespace stockroom::api {

struct Migration {
  int version;  // 1, 2, 3, … without gaps
  const char* name;
  const char* sql;  // statements, each ended by a semicolon at the end of a line
};

// SHA-256 of the step's text, in hex.
std::string ChecksumOf(const Migration& step);

// `applied`: version to checksum, as the database remembers. FAILED_PRECONDITION: DATABASE_TOO_NEW,
// MIGRATION_ALTERED.
absl::Status CheckApplied(const std::map<int64_t, std::string>& applied,
                          std::span<const Migration> steps);

// FAILED_PRECONDITION (DATABASE_FOREIGN).
absl::Status ForeignDatabase(const std::string& what_to_name);

}  // namespace stockroom::api
