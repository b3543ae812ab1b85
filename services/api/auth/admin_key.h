// The first API key, out of a file.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "services/api/domain/api_key_store.h"
#include "services/common/base/clock.h"

namespace stockroom::api {

// Makes the key in `path` one that may do everything, under the subject "admin"; makes key and file
// (readable by its owner only) if there is no file. Several apis may do so at once. A key that has
// been revoked stays so. Blocks.
//
// INVALID_ARGUMENT (BAD_KEY_FILE) if the file holds no key of ours; the store's errors; those of
// the file system.
absl::Status PrepareAdminKey(const std::string& path, ApiKeyStore& store, Clock& clock);

}  // namespace stockroom::api
