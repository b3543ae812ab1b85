// Who is asking, by whatever they show: an API key, or nothing.
#pragma once

#include <optional>

#include "services/api/auth/api_key_verifier.h"
#include "services/api/domain/authenticator.h"

namespace stockroom::api {

// Thread-safe. A token that is shown must be good, also where nobody has to show one.
class RequestAuthenticator final : public Authenticator {
 public:
  struct Options {
    // What callers may do that show nothing.
    Scopes anonymous = Principal::Anonymous().scopes;
  };
  // `keys` must outlive it.
  RequestAuthenticator(Options options, ApiKeyVerifier& keys) : options_(options), keys_(keys) {}

  std::optional<absl::StatusOr<Principal>> TryAuthenticate(const Credentials& credentials) override;
  void Authenticate(const CallContext& context, const Credentials& credentials, Done done) override;

 private:
  Principal Nobody() const;

  const Options options_;
  ApiKeyVerifier& keys_;
};

}  // namespace stockroom::api
