// The numbered steps that make a database what this Stockroom expects. Never edit one that was
// released: append the next.
#pragma once

#include <span>

namespace stockroom::api {

struct Migration {
  int version;  // 1, 2, 3, … without gaps
  const char* name;
  const char* sql;
};

std::span<const Migration> SqliteMigrations();

}  // namespace stockroom::api
