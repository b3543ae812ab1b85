// Looking up where workers are.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace stockroom::api {

// Every address that `target` (host:port) has now, as "127.0.0.1:50061" or "[::1]:50061". Blocks.
// UNAVAILABLE when the name can not be looked up.
absl::StatusOr<std::set<std::string>> LookUpAddresses(const std::string& target);

}  // namespace stockroom::api
