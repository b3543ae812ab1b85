// API keys as rows, alike in every SQL database (see image_rows.h), and the ApiKeyStore on them.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/api/domain/api_key_store.h"
#include "services/api/metadata/sql_blob.h"
#include "services/api/metadata/transitions.h"
#include "services/common/base/status.h"

namespace stockroom::api {

#define SR_API_KEY_COLUMNS                                                            \
  "id, prefix, secret_hash, subject, role, scopes, label, create_time, expire_time, " \
  "revoke_time"

template <typename Query>
absl::StatusOr<ApiKey> ReadApiKeyRow(Query& query) {
  ApiKey key;
  key.id = query.Text(0);
  key.prefix = query.Text(1);
  SR_ASSIGN_OR_RETURN(key.secret_hash, Digest::FromBytes(query.Text(2)));
  key.subject = query.Text(3);
  key.role = static_cast<Role>(query.Integer(4));
  key.scopes = Scopes::FromBits(static_cast<int>(query.Integer(5)));
  key.label = query.Text(6);
  key.create_time = absl::FromUnixMicros(query.Integer(7));
  // 0: never.
  if (query.Integer(8) != 0) key.expire_time = absl::FromUnixMicros(query.Integer(8));
  if (query.Integer(9) != 0) key.revoke_time = absl::FromUnixMicros(query.Integer(9));
  return key;
}

template <typename Query>
absl::StatusOr<std::optional<ApiKey>> ReadApiKey(Query& query) {
  if (query.Step()) return ReadApiKeyRow(query);
  SR_RETURN_IF_ERROR(query.status());
  return std::nullopt;
}

template <typename Db>
absl::Status InsertApiKeyRow(Db& db, const ApiKey& key, int max_keys) {
  {
    auto count = db.Query(
        "SELECT COUNT(*) FROM api_keys WHERE revoke_time = 0 AND (expire_time = 0 OR "
        "expire_time > ?)");
    if (!count.Bind(absl::ToUnixMicros(key.create_time)).Step()) return count.status();
    if (count.Integer(0) >= max_keys) return TooManyApiKeys(max_keys);
  }
  {
    auto same = db.Query("SELECT 1 FROM api_keys WHERE id = ? OR secret_hash = ?");
    if (same.Bind(key.id, SqlBlob{key.secret_hash.bytes()}).Step()) return ApiKeyTaken(key.id);
    SR_RETURN_IF_ERROR(same.status());
  }
  return db
      .Query("INSERT INTO api_keys (" SR_API_KEY_COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
      .Bind(key.id, key.prefix, SqlBlob{key.secret_hash.bytes()}, key.subject,
            static_cast<int>(key.role), key.scopes.bits(), key.label,
            absl::ToUnixMicros(key.create_time),
            key.expire_time ? absl::ToUnixMicros(*key.expire_time) : int64_t{0},
            key.revoke_time ? absl::ToUnixMicros(*key.revoke_time) : int64_t{0})
      .Run();
}

template <typename Db>
absl::StatusOr<std::vector<ApiKey>> ListApiKeyRows(Db& db, const std::string& before, int limit) {
  auto query =
      db.Query("SELECT " SR_API_KEY_COLUMNS " FROM api_keys WHERE id < ? ORDER BY id DESC LIMIT ?");
  // Greater than every id.
  query.Bind(before.empty() ? std::string("~") : before, limit);
  std::vector<ApiKey> keys;
  while (query.Step()) {
    SR_ASSIGN_OR_RETURN(ApiKey key, ReadApiKeyRow(query));
    keys.push_back(std::move(key));
  }
  SR_RETURN_IF_ERROR(query.status());
  return keys;
}

template <typename Db>
absl::StatusOr<ApiKey> RevokeApiKeyRow(Db& db, const std::string& id, absl::Time now) {
  SR_RETURN_IF_ERROR(
      db.Query("UPDATE api_keys SET revoke_time = ? WHERE id = ? AND revoke_time = 0")
          .Bind(absl::ToUnixMicros(now), id)
          .Run());
  auto query = db.Query("SELECT " SR_API_KEY_COLUMNS " FROM api_keys WHERE id = ?");
  query.Bind(id);
  SR_ASSIGN_OR_RETURN(std::optional<ApiKey> key, ReadApiKey(query));
  if (!key) return NoSuchApiKey(id);
  return *std::move(key);
}

// `Store` is a SQL store: Read<T>(work on its connection), Write<T>(work in a transaction).
template <typename Store>
class SqlApiKeys final : public ApiKeyStore {
 public:
  explicit SqlApiKeys(Store& store) : store_(store) {}

  absl::Status AddApiKey(const ApiKey& key, int max_keys) override {
    return store_
        .template Write<bool>([&](auto& write) -> absl::StatusOr<bool> {
          SR_RETURN_IF_ERROR(InsertApiKeyRow(write.db, key, max_keys));
          return true;
        })
        .status();
  }
  absl::StatusOr<std::optional<ApiKey>> FindApiKey(const Digest& secret_hash) override {
    return store_.template Read<std::optional<ApiKey>>(
        [&](auto& db) -> absl::StatusOr<std::optional<ApiKey>> {
          auto query =
              db.Query("SELECT " SR_API_KEY_COLUMNS " FROM api_keys WHERE secret_hash = ?");
          query.Bind(SqlBlob{secret_hash.bytes()});
          return ReadApiKey(query);
        });
  }
  absl::StatusOr<std::vector<ApiKey>> ListApiKeys(const std::string& before, int limit) override {
    return store_.template Read<std::vector<ApiKey>>(
        [&](auto& db) { return ListApiKeyRows(db, before, limit); });
  }
  absl::StatusOr<ApiKey> RevokeApiKey(const std::string& id, absl::Time now) override {
    return store_.template Write<ApiKey>(
        [&](auto& write) { return RevokeApiKeyRow(write.db, id, now); });
  }

 private:
  Store& store_;
};

}  // namespace stockroom::api
