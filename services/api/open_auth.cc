#include "services/api/open_auth.h"

#include <utility>

#include "absl/strings/match.h"
#include "services/common/base/status.h"

namespace stockroom::api {

absl::StatusOr<std::unique_ptr<JwtVerifier>> OpenJwtVerifier(const Options& options,
                                                             Metrics& metrics) {
  if (options.jwt_issuer.empty()) return nullptr;
  const bool url = absl::StrContains(options.jwt_keys, "://");
  JwksSourceOptions source = url ? JwksSourceOptions() : JwksSourceOptions::ForFile();
  JwksSource::Fetch fetch;
  if (url) {
    SR_ASSIGN_OR_RETURN(fetch, FetchFromUrl(options.jwt_keys, {.ca_file = options.jwt_keys_ca}));
  } else {
    fetch = FetchFromFile(options.jwt_keys, {});
    // A mistake in a file is told at the start; an issuer may be away for a while.
    const absl::Status readable = fetch(nullptr, [] { return false; }).status();
    if (!readable.ok()) return Annotate(readable, "auth.jwt_keys");
  }
  return JwtVerifier::Create(
      {.policy = {.issuers = {options.jwt_issuer},
                  .audiences = options.jwt_audiences,
                  .clock_skew = options.jwt_clock_skew,
                  .max_lifetime = options.jwt_max_lifetime}},
      std::make_unique<JwksSource>("issuer", std::move(fetch), std::move(source), metrics),
      metrics);
}

absl::StatusOr<RequestAuthenticator::Options> AuthenticatorOptions(const Options& options) {
  RequestAuthenticator::Options made{.anonymous = ScopesOfStrangers(options)};
  made.tokens.roles_claim = options.jwt_roles_claim;
  SR_ASSIGN_OR_RETURN(made.tokens.role_names, JwtRolesOf(options));
  made.tokens.default_role = RoleNamed(options.jwt_default_role);
  made.tokens.attributes = options.jwt_attributes;
  return made;
}

}  // namespace stockroom::api
