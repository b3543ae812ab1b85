// The keys that URLs are signed with (HMAC-SHA256), here and by the file server. Never logged,
// never part of a message.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace stockroom {

// The keys that a file holds: each line that is neither empty nor begins with '#', without white
// space at its ends. The first signs, all verify.
std::vector<std::string> ParseSigningKeys(std::string_view content);

// INVALID_ARGUMENT (BAD_SIGNING_KEYS): no key, more than 8, one of less than 16 bytes.
absl::Status CheckSigningKeys(const std::vector<std::string>& keys);

}  // namespace stockroom
