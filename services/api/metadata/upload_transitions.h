// What each call does to a direct upload, free of any storage; as transitions.h.
#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/api/domain/upload_store.h"

namespace stockroom::api {

// As it is stored: with times in microseconds. INVALID_ARGUMENT (INVALID_TEXT).
absl::StatusOr<DirectUpload> StoredUpload(const DirectUpload& upload);
// How long a check waits after a completion, whose own process removes the incoming.
inline constexpr absl::Duration kCleanUpPatience = absl::Minutes(1);

// RESOURCE_EXHAUSTED (TOO_MANY_UPLOADS).
absl::Status TooManyUploads(int max_open);

}  // namespace stockroom::api
