// ApiKeyStore in memory, for the in-memory store.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "services/api/domain/api_key_store.h"
#include "services/common/base/mutex.h"

namespace stockroom::api {

class MemoryApiKeys final : public ApiKeyStore {
 public:
  absl::Status AddApiKey(const ApiKey& key, int max_keys) override;
  absl::StatusOr<std::optional<ApiKey>> FindApiKey(const Digest& secret_hash) override;
  absl::StatusOr<std::vector<ApiKey>> ListApiKeys(const std::string& before, int limit) override;
  absl::StatusOr<ApiKey> RevokeApiKey(const std::string& id, absl::Time now) override;

 private:
  Mutex mu_;
  std::map<std::string, ApiKey> keys_ SR_GUARDED_BY(mu_);  // by id
};

}  // namespace stockroom::api
