#include "services/api/auth/request_authenticator.h"

#include <utility>

#include "services/api/domain/api_keys.h"
#include "services/common/base/status.h"

namespace stockroom::api {

Principal RequestAuthenticator::Nobody() const {
  Principal anonymous = Principal::Anonymous();
  anonymous.scopes = options_.anonymous;
  return anonymous;
}

std::optional<absl::StatusOr<Principal>> RequestAuthenticator::TryAuthenticate(
    const Credentials& credentials) {
  if (credentials.token.empty()) return Nobody();
  if (LooksLikeApiKey(credentials.token)) return keys_.TryVerify(credentials.token);
  return InvalidCredentials("this is no API key");
}

void RequestAuthenticator::Authenticate(const CallContext&, const Credentials& credentials,
                                        Done done) {
  if (credentials.token.empty()) return done(Nobody());
  if (LooksLikeApiKey(credentials.token)) return keys_.Verify(credentials.token, std::move(done));
  done(InvalidCredentials("this is no API key"));
}

}  // namespace stockroom::api
