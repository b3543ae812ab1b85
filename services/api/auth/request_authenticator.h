// Who is asking, by whatever they show: an API key, a token, or nothing.
#pragma once

#include <optional>
#include <utility>

#include "services/api/auth/api_key_verifier.h"
#include "services/api/auth/jwt_principal.h"
#include "services/api/auth/jwt_verifier.h"
#include "services/api/domain/authenticator.h"

namespace stockroom::api {

// Thread-safe. A token that is shown must be good, also where nobody has to show one.
class RequestAuthenticator final : public Authenticator {
 public:
  struct Options {
    // What callers may do that show nothing.
    Scopes anonymous = Principal::Anonymous().scopes;
    JwtMapping tokens;
  };
  // All must outlive it. Without `tokens` none are taken; they are verified on `executor`, as
  // signatures take up to some milliseconds.
  RequestAuthenticator(Options options, ApiKeyVerifier& keys, Executor& executor,
                       JwtVerifier* tokens = nullptr)
      : options_(std::move(options)), keys_(keys), executor_(executor), tokens_(tokens) {}

  std::optional<absl::StatusOr<Principal>> TryAuthenticate(const Credentials& credentials) override;
  void Authenticate(const CallContext& context, const Credentials& credentials, Done done) override;

 private:
  Principal Nobody() const;
  absl::StatusOr<Principal> Bearer(const absl::StatusOr<JwtClaims>& claims) const;

  const Options options_;
  ApiKeyVerifier& keys_;
  Executor& executor_;
  JwtVerifier* const tokens_;
};

}  // namespace stockroom::api
