// Idempotency keys and leases as rows, alike in every SQL database (see image_rows.h). Every
// function runs within a transaction of its caller. Where two transactions insert the same key at
// once, the database's error for duplicates is returned: run the transaction again.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/api/domain/metadata_store.h"
#include "services/api/metadata/sql_blob.h"
#include "services/api/metadata/transitions.h"
#include "services/common/base/status.h"

namespace stockroom::api {

template <typename Db>
absl::StatusOr<KeyReservation> ReserveKeyRow(Db& db, const std::string& owner,
                                             const std::string& key, absl::Time now,
                                             absl::Time until) {
  const KeyReservation reserved{.state = KeyReservation::State::kReserved,
                                .token = NewReservationToken()};
  SR_RETURN_IF_ERROR(
      db.Query("UPDATE idempotency_keys SET token = ?, reserved_until = ?, create_time = ? "
               "WHERE owner = ? AND name = ? AND answered = 0 AND reserved_until <= ?")
          .Bind(reserved.token, absl::ToUnixMicros(until), absl::ToUnixMicros(now), SqlBlob{owner},
                SqlBlob{key}, absl::ToUnixMicros(now))
          .Run());
  if (db.Changes() > 0) return reserved;
  {
    auto query = db.Query(
        "SELECT answered, fingerprint, answer FROM idempotency_keys WHERE owner = ? AND name = ?");
    if (query.Bind(SqlBlob{owner}, SqlBlob{key}).Step()) {
      if (query.Integer(0) == 0) return KeyReservation{.state = KeyReservation::State::kInFlight};
      SR_ASSIGN_OR_RETURN(const Digest fingerprint, Digest::FromBytes(query.Text(1)));
      return KeyReservation{KeyReservation::State::kAnswered, 0, fingerprint, query.Text(2)};
    }
    SR_RETURN_IF_ERROR(query.status());
  }
  SR_RETURN_IF_ERROR(
      db.Query("INSERT INTO idempotency_keys (owner, name, token, reserved_until, answered, "
               "fingerprint, answer, create_time) VALUES (?, ?, ?, ?, 0, ?, ?, ?)")
          .Bind(SqlBlob{owner}, SqlBlob{key}, reserved.token, absl::ToUnixMicros(until),
                SqlBlob{""}, SqlBlob{""}, absl::ToUnixMicros(now))
          .Run());
  return reserved;
}

// Stores what the write is answered with; ABORTED (IDEMPOTENCY_KEY_LOST) if its reservation is not
// held. Does nothing without `once`.
template <typename Db>
absl::Status AnswerKeyRow(Db& db, const std::optional<IdempotentWrite>& once, const Image& image,
                          bool deduplicated) {
  if (!once) return absl::OkStatus();
  const std::string answer = once->answer(image, deduplicated);
  SR_RETURN_IF_ERROR(
      db.Query("UPDATE idempotency_keys SET answered = 1, fingerprint = ?, answer = ? "
               "WHERE owner = ? AND name = ? AND token = ? AND answered = 0")
          .Bind(SqlBlob{once->fingerprint.bytes()}, SqlBlob{answer}, SqlBlob{once->owner},
                SqlBlob{once->key}, once->token)
          .Run());
  return db.Changes() > 0 ? absl::OkStatus() : KeyLost(once->key);
}

template <typename Db>
absl::Status ReleaseKeyRow(Db& db, const std::string& owner, const std::string& key,
                           int64_t token) {
  return db
      .Query(
          "DELETE FROM idempotency_keys WHERE owner = ? AND name = ? AND token = ? "
          "AND answered = 0")
      .Bind(SqlBlob{owner}, SqlBlob{key}, token)
      .Run();
}

template <typename Db>
absl::Status AmendKeyRow(Db& db, const std::string& owner, const std::string& key, int64_t token,
                         const std::string& answer) {
  return db
      .Query(
          "UPDATE idempotency_keys SET answer = ? WHERE owner = ? AND name = ? AND token = ? "
          "AND answered = 1")
      .Bind(SqlBlob{answer}, SqlBlob{owner}, SqlBlob{key}, token)
      .Run();
}

template <typename Db>
absl::StatusOr<int> ForgetKeyRows(Db& db, absl::Time before, int limit) {
  std::vector<std::pair<std::string, std::string>> old;
  {
    auto query = db.Query(
        "SELECT owner, name FROM idempotency_keys WHERE create_time < ? "
        "ORDER BY create_time LIMIT ?");
    query.Bind(absl::ToUnixMicros(before), std::max(limit, 0));
    while (query.Step()) old.emplace_back(query.Text(0), query.Text(1));
    SR_RETURN_IF_ERROR(query.status());
  }
  for (const auto& [owner, name] : old) {
    // Unless it was reserved anew since.
    SR_RETURN_IF_ERROR(
        db.Query("DELETE FROM idempotency_keys WHERE owner = ? AND name = ? AND create_time < ?")
            .Bind(SqlBlob{owner}, SqlBlob{name}, absl::ToUnixMicros(before))
            .Run());
  }
  return static_cast<int>(old.size());
}

template <typename Db>
absl::StatusOr<bool> TakeLeaseRow(Db& db, const std::string& name, const std::string& holder,
                                  absl::Time now, absl::Duration ttl) {
  const int64_t until = absl::ToUnixMicros(now + ttl);
  SR_RETURN_IF_ERROR(db.Query("UPDATE leases SET holder = ?, until_time = ? WHERE name = ? "
                              "AND (holder = ? OR until_time <= ?)")
                         .Bind(holder, until, name, holder, absl::ToUnixMicros(now))
                         .Run());
  if (db.Changes() > 0) return true;
  {
    auto query = db.Query("SELECT 1 FROM leases WHERE name = ?");
    if (query.Bind(name).Step()) return false;
    SR_RETURN_IF_ERROR(query.status());
  }
  SR_RETURN_IF_ERROR(db.Query("INSERT INTO leases (name, holder, until_time) VALUES (?, ?, ?)")
                         .Bind(name, holder, until)
                         .Run());
  return true;
}

}  // namespace stockroom::api
