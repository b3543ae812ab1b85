#include "services/api/domain/api_keys.h"

#include <algorithm>

#include "services/common/base/ids.h"
#include "services/common/base/random.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"

namespace stockroom::api {
namespace {

constexpr size_t kSecretBytes = 32;
// In base64 without padding.
constexpr size_t kSecretLength = kApiKeyPrefix.size() + 43;
// Of the secret: 36 bits are left out of 256 that a guesser must not know.
constexpr size_t kShownLength = kApiKeyPrefix.size() + 6;
constexpr size_t kMaxText = 255;
constexpr int kDefaultPage = 50;
constexpr int kMaxPage = 500;

bool IsPlainText(std::string_view text) {
  const auto control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  return IsCleanUtf8(text) && std::none_of(text.begin(), text.end(), control);
}

absl::StatusOr<Scopes> ScopesWanted(const ApiKeyRequest& request) {
  const Scopes all = ScopesOf(request.role);
  if (request.scopes.empty()) return all;
  Scopes wanted;
  for (size_t i = 0; i < request.scopes.size(); ++i) {
    const std::string field = "scopes[" + std::to_string(i) + "]";
    const std::optional<Scope> scope = ScopeNamed(request.scopes[i]);
    if (!scope) {
      return InvalidField(field, "expected images:read, images:write, images:moderate or admin");
    }
    if (!all.Has(*scope)) {
      return InvalidField(field,
                          "the role " + std::string(RoleName(request.role)) + " does not have it");
    }
    wanted = wanted | *scope;
  }
  return wanted;
}

}  // namespace

bool LooksLikeApiKey(std::string_view token) {
  return token.size() == kSecretLength && token.substr(0, kApiKeyPrefix.size()) == kApiKeyPrefix;
}

std::string NewApiKeySecret() {
  return std::string(kApiKeyPrefix) + ToBase64Url(RandomBytes(kSecretBytes));
}

std::string ShownPartOf(std::string_view secret) {
  return std::string(secret.substr(0, kShownLength));
}

absl::Status CheckSubject(std::string_view field, std::string_view subject) {
  if (subject.empty() || subject.size() > kMaxText || !IsPlainText(subject)) {
    return InvalidField(field, "expected 1 to 255 bytes of text");
  }
  if (subject == Principal::Anonymous().subject) {
    return InvalidField(field, "'anonymous' stands for everybody who is not logged in");
  }
  return absl::OkStatus();
}

absl::Status CheckMayGive(const Principal& who, const std::string& subject, Scopes scopes) {
  // Where nobody has to log in everybody may make the first key.
  const bool theirs = subject == who.subject || who.scopes.Has(Scope::kModerate);
  if (who.anonymous || (theirs && who.scopes.Contains(scopes))) return absl::OkStatus();
  return MakeStatus(absl::StatusCode::kPermissionDenied,
                    "a key may not do more than the one who makes it, nor stand for another whose "
                    "images they may not see",
                    {.reason = "SCOPE_MISSING"});
}

absl::StatusOr<CreatedApiKey> ApiKeys::Create(const Principal& who, const ApiKeyRequest& request) {
  SR_RETURN_IF_ERROR(CheckSubject("subject", request.subject));
  if (request.label.size() > kMaxText || !IsPlainText(request.label)) {
    return InvalidField("label", "expected at most 255 bytes of text");
  }
  SR_ASSIGN_OR_RETURN(const Scopes scopes, ScopesWanted(request));
  SR_RETURN_IF_ERROR(CheckMayGive(who, request.subject, scopes));
  const absl::Time now = clock_.Now();
  if (request.expire_time && *request.expire_time <= now) {
    return InvalidField("expire_time", "expected a time to come");
  }
  CreatedApiKey created;
  created.secret = NewApiKeySecret();
  created.key = {.id = NewUuidV7(now),
                 .prefix = ShownPartOf(created.secret),
                 .secret_hash = Digest::Of(created.secret),
                 .subject = request.subject,
                 .role = request.role,
                 .scopes = scopes,
                 .label = request.label,
                 .create_time = now,
                 .expire_time = request.expire_time};
  SR_RETURN_IF_ERROR(store_.AddApiKey(created.key, kMaxKeys));
  return created;
}

absl::StatusOr<ApiKeyPage> ApiKeys::List(int page_size, const std::string& page_token) {
  if (page_size < 0 || page_size > kMaxPage) {
    return InvalidField("page_size", "expected 1 to " + std::to_string(kMaxPage));
  }
  if (!page_token.empty() && !IsUuid(page_token)) {
    return InvalidField("page_token", "not a token of this list");
  }
  const int wanted = page_size == 0 ? kDefaultPage : page_size;
  ApiKeyPage page;
  SR_ASSIGN_OR_RETURN(page.keys, store_.ListApiKeys(page_token, wanted + 1));
  if (static_cast<int>(page.keys.size()) > wanted) {
    page.keys.resize(static_cast<size_t>(wanted));
    page.next_page_token = page.keys.back().id;
  }
  return page;
}

absl::StatusOr<ApiKey> ApiKeys::Revoke(const std::string& id) {
  if (!IsUuid(id)) return InvalidField("id", "expected the id of a key");
  return store_.RevokeApiKey(id, clock_.Now());
}

}  // namespace stockroom::api
