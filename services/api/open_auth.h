// Makes what tells who is asking, as the configuration says.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "services/api/auth/jwt_verifier.h"
#include "services/api/auth/request_authenticator.h"
#include "services/api/options.h"

namespace stockroom::api {

// Null if no issuer is configured. INVALID_ARGUMENT names what is wrong with auth.jwt_*.
absl::StatusOr<std::unique_ptr<JwtVerifier>> OpenJwtVerifier(const Options& options,
                                                             Metrics& metrics);

// INVALID_ARGUMENT as above.
absl::StatusOr<RequestAuthenticator::Options> AuthenticatorOptions(const Options& options);

}  // namespace stockroom::api
