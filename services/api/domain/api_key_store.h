// Where API keys are kept. Part of every MetadataStore.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/api/domain/roles.h"
#include "services/common/base/digest.h"

namespace stockroom::api {

struct ApiKey {
  std::string id;      // UUIDv7
  std::string prefix;  // how the secret begins, for people
  // SHA-256 of the secret: with 256 random bits nothing slower is called for.
  Digest secret_hash;
  std::string subject;
  Role role = Role::kUploader;
  // What the key may do: never more than the role.
  Scopes scopes;
  std::string label;
  absl::Time create_time;
  std::optional<absl::Time> expire_time;
  std::optional<absl::Time> revoke_time;

  bool ValidAt(absl::Time now) const {
    return !revoke_time && (!expire_time || now < *expire_time);
  }
  friend bool operator==(const ApiKey&, const ApiKey&) = default;
};

// Thread-safe and blocking. Errors and what they leave open as for MetadataStore.
class ApiKeyStore {
 public:
  virtual ~ApiKeyStore() = default;

  // RESOURCE_EXHAUSTED (TOO_MANY_KEYS) if `max_keys` are good at the key's create_time (two that
  // come at once may both get in); ALREADY_EXISTS for an id or hash that is there.
  virtual absl::Status AddApiKey(const ApiKey& key, int max_keys) = 0;
  // Also revoked and expired ones; nullopt if there is none.
  virtual absl::StatusOr<std::optional<ApiKey>> FindApiKey(const Digest& secret_hash) = 0;
  // Newest first (ids sort by time): those with an id smaller than `before`, or all if it is empty.
  virtual absl::StatusOr<std::vector<ApiKey>> ListApiKeys(const std::string& before, int limit) = 0;
  // Keeps the time of the first revocation. NOT_FOUND (KEY_NOT_FOUND).
  virtual absl::StatusOr<ApiKey> RevokeApiKey(const std::string& id, absl::Time now) = 0;
};

}  // namespace stockroom::api
