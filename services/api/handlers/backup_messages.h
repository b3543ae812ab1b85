// Between the rows of an archive and their messages.
#pragma once

#include "absl/status/statusor.h"
#include "services/api/domain/archive.h"
#include "stockroom/v1/store.pb.h"

namespace stockroom::api {

void ToMessage(const ArchivedRow& row, v1::ArchivedRow* out);

// INVALID_ARGUMENT for one that the other never wrote.
absl::StatusOr<ArchivedRow> FromMessage(const v1::ArchivedRow& row);

}  // namespace stockroom::api
