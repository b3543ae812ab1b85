#include "services/api/auth/request_authenticator.h"

#include <memory>
#include <utility>

#include "services/api/domain/api_keys.h"
#include "services/common/base/status.h"

namespace stockroom::api {
namespace {

absl::Status NoApiKey() {
  return InvalidCredentials("this is no API key, and this server takes no other tokens");
}

}  // namespace

Principal RequestAuthenticator::Nobody() const {
  Principal anonymous = Principal::Anonymous();
  // What was uploaded while nobody had to log in belongs to nobody any more.
  if (!options_.anonymous.Has(Scope::kWrite)) anonymous.subject.clear();
  anonymous.scopes = options_.anonymous;
  return anonymous;
}

absl::StatusOr<Principal> RequestAuthenticator::Bearer(
    const absl::StatusOr<JwtClaims>& claims) const {
  if (!claims.ok()) return claims.status();
  return PrincipalOf(*claims, options_.tokens);
}

std::optional<absl::StatusOr<Principal>> RequestAuthenticator::TryAuthenticate(
    const Credentials& credentials) {
  if (credentials.token.empty()) return Nobody();
  if (LooksLikeApiKey(credentials.token)) return keys_.TryVerify(credentials.token);
  if (tokens_ == nullptr) return NoApiKey();
  const std::optional<JwtClaims> known = tokens_->TryVerify(credentials.token);
  if (!known) return std::nullopt;
  return Bearer(*known);
}

void RequestAuthenticator::Authenticate(const CallContext&, const Credentials& credentials,
                                        Done done) {
  if (credentials.token.empty()) return done(Nobody());
  if (LooksLikeApiKey(credentials.token)) return keys_.Verify(credentials.token, std::move(done));
  if (tokens_ == nullptr) return done(NoApiKey());
  auto shared = std::make_shared<Done>(std::move(done));
  absl::Status queued = executor_.Submit([this, token = credentials.token, shared]() mutable {
    tokens_->Verify(std::move(token), [this, shared](const absl::StatusOr<JwtClaims>& claims) {
      (*shared)(Bearer(claims));
    });
  });
  if (!queued.ok()) (*shared)(std::move(queued));
}

}  // namespace stockroom::api
