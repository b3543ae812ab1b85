#include "services/api/metadata/sqlite_keys.h"

#include <algorithm>

#include "services/api/metadata/transitions.h"
#include "services/common/base/status.h"

namespace stockroom::api {

absl::StatusOr<KeyReservation> ReserveKeyRow(SqliteConnection& db, const std::string& owner,
                                             const std::string& key, absl::Time now,
                                             absl::Time until) {
  {
    SqliteQuery query = db.Query(
        "SELECT answered, reserved_until, fingerprint, answer FROM idempotency_keys "
        "WHERE owner = ? AND name = ?");
    if (query.Bind(owner, key).Step()) {
      if (query.Integer(0) != 0) {
        SR_ASSIGN_OR_RETURN(const Digest fingerprint, Digest::FromBytes(query.Text(2)));
        return KeyReservation{KeyReservation::State::kAnswered, 0, fingerprint, query.Text(3)};
      }
      if (query.Integer(1) > absl::ToUnixMicros(now)) {
        return KeyReservation{.state = KeyReservation::State::kInFlight};
      }
    }
    SR_RETURN_IF_ERROR(query.status());
  }
  const int64_t token = NewReservationToken();
  SR_RETURN_IF_ERROR(
      db.Query("INSERT OR REPLACE INTO idempotency_keys (owner, name, token, reserved_until, "
               "answered, fingerprint, answer, create_time) VALUES (?, ?, ?, ?, 0, ?, ?, ?)")
          .Bind(owner, key, token, absl::ToUnixMicros(until), SqliteBlob{""}, SqliteBlob{""},
                absl::ToUnixMicros(now))
          .Run());
  return KeyReservation{.state = KeyReservation::State::kReserved, .token = token};
}

absl::Status AnswerKeyRow(SqliteConnection& db, const std::optional<IdempotentWrite>& once,
                          const Image& image, bool deduplicated) {
  if (!once) return absl::OkStatus();
  const std::string answer = once->answer(image, deduplicated);
  SR_RETURN_IF_ERROR(
      db.Query("UPDATE idempotency_keys SET answered = 1, fingerprint = ?, answer = ? "
               "WHERE owner = ? AND name = ? AND token = ? AND answered = 0")
          .Bind(SqliteBlob{once->fingerprint.bytes()}, SqliteBlob{answer}, once->owner, once->key,
                once->token)
          .Run());
  return db.Changes() > 0 ? absl::OkStatus() : KeyLost(once->key);
}

absl::Status ReleaseKeyRow(SqliteConnection& db, const std::string& owner, const std::string& key,
                           int64_t token) {
  return db
      .Query(
          "DELETE FROM idempotency_keys WHERE owner = ? AND name = ? AND token = ? "
          "AND answered = 0")
      .Bind(owner, key, token)
      .Run();
}

absl::Status AmendKeyRow(SqliteConnection& db, const std::string& owner, const std::string& key,
                         int64_t token, const std::string& answer) {
  return db
      .Query(
          "UPDATE idempotency_keys SET answer = ? WHERE owner = ? AND name = ? AND token = ? "
          "AND answered = 1")
      .Bind(SqliteBlob{answer}, owner, key, token)
      .Run();
}

absl::StatusOr<int> ForgetKeyRows(SqliteConnection& db, absl::Time before, int limit) {
  SR_RETURN_IF_ERROR(
      db.Query("DELETE FROM idempotency_keys WHERE rowid IN (SELECT rowid FROM idempotency_keys "
               "WHERE create_time < ? ORDER BY create_time LIMIT ?)")
          .Bind(absl::ToUnixMicros(before), std::max(limit, 0))
          .Run());
  return static_cast<int>(db.Changes());
}

absl::StatusOr<bool> TakeLeaseRow(SqliteConnection& db, const std::string& name,
                                  const std::string& holder, absl::Time now, absl::Duration ttl) {
  SR_RETURN_IF_ERROR(db.Query("INSERT INTO leases (name, holder, until_time) VALUES (?, ?, ?) "
                              "ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, "
                              "until_time = excluded.until_time "
                              "WHERE leases.holder = excluded.holder OR leases.until_time <= ?")
                         .Bind(name, holder, absl::ToUnixMicros(now + ttl), absl::ToUnixMicros(now))
                         .Run());
  return db.Changes() > 0;
}

}  // namespace stockroom::api
