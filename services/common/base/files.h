// Small files that operators put down: keys, certificates, passwords.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace stockroom {

// The whole file. Reads no more than the bound, whatever the path leads to (/dev/zero). Errors:
// NOT_FOUND, PERMISSION_DENIED and others of ErrnoStatus; OUT_OF_RANGE: more than `max_bytes`.
absl::StatusOr<std::string> ReadFileAtMost(const std::string& path, int64_t max_bytes);

// A key, token or password: at most 64 KiB, without the white space that editors put at the end.
absl::StatusOr<std::string> ReadSecretFile(const std::string& path);

}  // namespace stockroom
