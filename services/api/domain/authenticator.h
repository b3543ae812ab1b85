// Finds out who is asking.
#pragma once

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
};

// Thread-safe.
class Authenticator {
 public:
  using Done = absl::AnyInvocable<void(absl::StatusOr<Principal>)>;

  virtual ~Authenticator() = default;

  // Never blocks. `done` runs once, inside the call or later on any thread, and must not block.
  // UNAUTHENTICATED: CREDENTIALS_MISSING, or CREDENTIALS_INVALID with a message that tells the
  // bearer what is wrong (expired, wrong audience, revoked) without helping a guesser. UNAVAILABLE:
  // keys can not be fetched now.
  virtual void Authenticate(const CallContext& context, Credentials credentials, Done done) = 0;
};

}  // namespace stockroom::api
