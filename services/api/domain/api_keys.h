// Use cases on API keys: make, list, revoke.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "services/api/domain/api_key_store.h"
#include "services/api/domain/principal.h"
#include "services/common/base/clock.h"

namespace stockroom::api {

// Every secret begins so: scanners for leaked secrets find it, and it is no JWT.
inline constexpr std::string_view kApiKeyPrefix = "sr_";

// True for what may be a secret of ours; says nothing about whether it is one.
bool LooksLikeApiKey(std::string_view token);
// 256 random bits.
std::string NewApiKeySecret();
// How it begins: ApiKey::prefix.
std::string ShownPartOf(std::string_view secret);

struct ApiKeyRequest {
  std::string subject;
  Role role = Role::kUploader;
  // Empty: all of the role's.
  std::vector<std::string> scopes;
  std::string label;
  std::optional<absl::Time> expire_time;
};

struct CreatedApiKey {
  ApiKey key;
  std::string secret;  // kept nowhere
};

struct ApiKeyPage {
  std::vector<ApiKey> keys;
  std::string next_page_token;  // empty on the last page
};

// Thread-safe; blocks on the store. That the caller may administer keys is checked before.
class ApiKeys {
 public:
  // Enough for every program of a large organisation; what is past it is a loop that makes keys.
  static constexpr int kMaxKeys = 10'000;

  ApiKeys(ApiKeyStore& store, Clock& clock) : store_(store), clock_(clock) {}

  // INVALID_ARGUMENT names the field; PERMISSION_DENIED (SCOPE_MISSING) if the key could do or see
  // what `who` can not, where somebody is logged in; RESOURCE_EXHAUSTED (TOO_MANY_KEYS).
  absl::StatusOr<CreatedApiKey> Create(const Principal& who, const ApiKeyRequest& request);
  // `page_size` 1 to 500, 0 for 50.
  absl::StatusOr<ApiKeyPage> List(int page_size, const std::string& page_token);
  // NOT_FOUND (KEY_NOT_FOUND).
  absl::StatusOr<ApiKey> Revoke(const std::string& id);

 private:
  ApiKeyStore& store_;
  Clock& clock_;
};

// PERMISSION_DENIED (SCOPE_MISSING) if a key of this subject with these scopes could do or see what
// `who` can not, where somebody is logged in.
absl::Status CheckMayGive(const Principal& who, const std::string& subject, Scopes scopes);

// INVALID_ARGUMENT unless `subject` may stand for somebody who is logged in: 1 to 255 bytes of
// UTF-8 without control characters, not "anonymous".
absl::Status CheckSubject(std::string_view field, std::string_view subject);

}  // namespace stockroom::api
