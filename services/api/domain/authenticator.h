// Finds out who is asking.
#pragma once

#include <optional>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "services/api/domain/principal.h"
#include "services/common/base/call_context.h"

namespace stockroom::api {

// What a caller showed.
struct Credentials {
  // Of `Authorization: Bearer` or `X-API-Key`; empty if there was none.
  std::string token;
  // Address without port; for limits on callers that show nothing.
  std::string peer;
};

// Thread-safe; never blocks.
//
// UNAUTHENTICATED: CREDENTIALS_MISSING, or CREDENTIALS_INVALID with a message that tells the bearer
// what is wrong (expired, wrong audience, revoked) without helping a guesser. UNAVAILABLE: whatever
// is needed for an answer can not be fetched now.
class Authenticator {
 public:
  using Done = absl::AnyInvocable<void(absl::StatusOr<Principal>)>;

  virtual ~Authenticator() = default;

  // The answer, if it is known without waiting: nullopt calls for Authenticate.
  virtual std::optional<absl::StatusOr<Principal>> TryAuthenticate(
      const Credentials& credentials) = 0;
  // `done` runs once, inside the call or later on any thread, and must not block.
  virtual void Authenticate(const CallContext& context, const Credentials& credentials,
                            Done done) = 0;
};

// UNAUTHENTICATED (CREDENTIALS_INVALID).
absl::Status InvalidCredentials(std::string_view why);

// For servers on which nobody has to log in, and for tests: everybody is Principal::Anonymous().
Authenticator& EverybodyIsAnonymous();

}  // namespace stockroom::api
