// Idempotency keys and leases as rows. Every function runs within a transaction of its caller.
#pragma once

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/api/domain/metadata_store.h"
#include "services/api/metadata/sqlite_connection.h"

namespace stockroom::api {

absl::StatusOr<KeyReservation> ReserveKeyRow(SqliteConnection& db, const std::string& owner,
                                             const std::string& key, absl::Time now,
                                             absl::Time until);
// Stores what the write is answered with; ABORTED (KEY_LOST) if its reservation is not held. Does
// nothing without `once`.
absl::Status AnswerKeyRow(SqliteConnection& db, const std::optional<IdempotentWrite>& once,
                          const Image& image, bool deduplicated);
absl::Status ReleaseKeyRow(SqliteConnection& db, const std::string& owner, const std::string& key,
                           int64_t token);
absl::Status AmendKeyRow(SqliteConnection& db, const std::string& owner, const std::string& key,
                         int64_t token, const std::string& answer);
absl::StatusOr<int> ForgetKeyRows(SqliteConnection& db, absl::Time before, int limit);

absl::StatusOr<bool> TakeLeaseRow(SqliteConnection& db, const std::string& name,
                                  const std::string& holder, absl::Time now, absl::Duration ttl);

}  // namespace stockroom::api
