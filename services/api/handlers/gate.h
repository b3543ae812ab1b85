// What every call passes before it is served: who is it, may they, and not too often. Both front
// ends ask here.
#pragma once

#include <google/protobuf/descriptor.h>

#include <optional>
#include <string_view>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "services/api/domain/authenticator.h"
#include "services/api/domain/rate_limiter.h"
#include "services/common/base/metrics.h"

namespace stockroom::api {

// The scope that the method's option stockroom.v1.required_scope names. Ends the process without
// the option, or for a name that does not exist: the protos are part of the program.
Scopes ScopesNeededFor(const google::protobuf::MethodDescriptor& method);

// Of the only method that takes this message.
Scopes ScopesNeededFor(const google::protobuf::Descriptor& request);

// What the headers (or metadata) authorization and x-api-key say; empty ones count as absent.
// UNAUTHENTICATED (CREDENTIALS_INVALID): another scheme than Bearer.
absl::StatusOr<Credentials> ReadCredentials(std::string_view authorization,
                                            std::string_view api_key);

struct Admitted {
  Principal who;
  // Where requests are limited.
  std::optional<RateLimiter::Decision> rate;
};

// Thread-safe. Metric: stockroom_calls_refused_total{why}.
//
// Errors besides the authenticator's: UNAUTHENTICATED (CREDENTIALS_MISSING) or PERMISSION_DENIED
// (SCOPE_MISSING) for one who may not, RESOURCE_EXHAUSTED (RATE_LIMITED).
class Gate {
 public:
  using Done = absl::AnyInvocable<void(absl::StatusOr<Admitted>)>;

  // Both must outlive it.
  Gate(Authenticator& authenticator, RateLimiter& limiter, Metrics& metrics);

  // The decision, if it can be made without waiting: nullopt calls for Admit.
  std::optional<absl::StatusOr<Admitted>> TryAdmit(const Credentials& credentials, Scopes needed);
  // Never blocks; `done` as for Authenticator::Authenticate.
  void Admit(const CallContext& context, const Credentials& credentials, Scopes needed, Done done);

 private:
  absl::StatusOr<Admitted> Decide(absl::StatusOr<Principal> who, const Credentials& credentials,
                                  Scopes needed);

  Authenticator& authenticator_;
  RateLimiter& limiter_;
  Counter& unauthenticated_;
  Counter& forbidden_;
  Counter& limited_;
};

}  // namespace stockroom::api
