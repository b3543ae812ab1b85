#include "services/api/metadata/memory_api_keys.h"

#include <algorithm>
#include <utility>

#include "services/api/metadata/transitions.h"

namespace stockroom::api {

absl::Status MemoryApiKeys::AddApiKey(const ApiKey& key, int max_keys) {
  MutexLock lock(mu_);
  const auto good = std::count_if(keys_.begin(), keys_.end(), [&](const auto& other) {
    return other.second.ValidAt(key.create_time);
  });
  if (good >= max_keys) return TooManyApiKeys(max_keys);
  for (const auto& [id, other] : keys_) {
    if (other.secret_hash == key.secret_hash) return ApiKeyTaken(key.id);
  }
  ApiKey stored = key;
  stored.create_time = StoredTime(key.create_time);
  if (key.expire_time) stored.expire_time = StoredTime(*key.expire_time);
  if (key.revoke_time) stored.revoke_time = StoredTime(*key.revoke_time);
  return keys_.emplace(key.id, std::move(stored)).second ? absl::OkStatus() : ApiKeyTaken(key.id);
}

absl::StatusOr<std::optional<ApiKey>> MemoryApiKeys::FindApiKey(const Digest& secret_hash) {
  MutexLock lock(mu_);
  for (const auto& [id, key] : keys_) {
    if (key.secret_hash == secret_hash) return key;
  }
  return std::nullopt;
}

absl::StatusOr<std::vector<ApiKey>> MemoryApiKeys::ListApiKeys(const std::string& before,
                                                               int limit) {
  std::vector<ApiKey> page;
  MutexLock lock(mu_);
  for (auto it = keys_.rbegin(); it != keys_.rend(); ++it) {
    if (static_cast<int>(page.size()) >= limit) break;
    if (before.empty() || it->first < before) page.push_back(it->second);
  }
  return page;
}

absl::StatusOr<ApiKey> MemoryApiKeys::RevokeApiKey(const std::string& id, absl::Time now) {
  MutexLock lock(mu_);
  const auto it = keys_.find(id);
  if (it == keys_.end()) return NoSuchApiKey(id);
  if (!it->second.revoke_time) it->second.revoke_time = StoredTime(now);
  return it->second;
}

}  // namespace stockroom::api
