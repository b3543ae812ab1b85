// JSON Web Tokens (RFC 7519): who the bearer is, said by an issuer that is trusted.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/api/auth/jws.h"

namespace stockroom::api {

struct JwtPolicy {
  // Tokens of one of these ("iss"), compared byte by byte. At least one: a key set may be shared by
  // all tenants of a provider.
  std::vector<std::string> issuers;
  // Tokens that name one of these ("aud"). At least one: else a token that its bearer gave to
  // another service opens this one.
  std::vector<std::string> audiences;
  // How far the issuer's clock and ours may be apart. 0 to 5 minutes: longer is a longer life for
  // stolen tokens.
  absl::Duration clock_skew = absl::Seconds(30);
  bool require_exp = true;
  // Longest time between "iat" and "exp"; both are then required. Zero: any.
  absl::Duration max_lifetime = absl::ZeroDuration();
  // Values of the header's "typ", without "application/" and regardless of case; "" takes tokens
  // without one. Other kinds of signed JSON, such as logout tokens ("logout+jwt"), are no
  // credentials.
  std::vector<std::string> types = {"", "JWT", "at+jwt"};
  JwsLimits limits;
};

// INVALID_ARGUMENT BAD_JWT_POLICY with what to change.
absl::Status CheckJwtPolicy(const JwtPolicy& policy);

// What a verified token says. Copies are cheap and share what does not change; thread-safe.
class JwtClaims {
 public:
  const std::string& subject() const { return body_->subject; }
  const std::string& issuer() const { return body_->issuer; }
  const std::vector<std::string>& audiences() const { return body_->audiences; }
  std::optional<absl::Time> expires() const { return body_->expires; }
  std::optional<absl::Time> not_before() const { return body_->not_before; }
  std::optional<absl::Time> issued_at() const { return body_->issued_at; }
  const std::string& jwt_id() const { return body_->jwt_id; }  // "" if there is none

  // Every claim, also those above. `name` is a claim's name as it is ("https://example.org/team"),
  // or, if it begins with '/', a JSON pointer into nested ones ("/realm_access/roles", RFC 6901; a
  // claim of that very name comes first). nullptr if there is none. Lives as long as any copy.
  const nlohmann::json* Find(std::string_view name) const;
  bool Has(std::string_view name) const { return Find(name) != nullptr; }
  // nullopt if there is none, or of another type.
  std::optional<std::string> Text(std::string_view name) const;
  std::optional<double> Number(std::string_view name) const;
  std::optional<bool> Flag(std::string_view name) const;
  // The texts of a list (what is no text is left out); of a text, its words between spaces, as in
  // "scope" (RFC 6749, section 3.3). Empty if there is none.
  std::vector<std::string> Words(std::string_view name) const;
  // A text as it is, a number, true or false as JSON writes it; nullopt for everything else. For
  // claims that become attributes.
  std::optional<std::string> Scalar(std::string_view name) const;

 private:
  friend class JwtReader;
  struct Body {
    std::string subject;
    std::string issuer;
    std::vector<std::string> audiences;
    std::optional<absl::Time> expires;
    std::optional<absl::Time> not_before;
    std::optional<absl::Time> issued_at;
    std::string jwt_id;
    std::shared_ptr<const nlohmann::json> all;
  };
  std::shared_ptr<const Body> body_ = std::make_shared<Body>();
};

// Verifies signature and claims. "sub" is required: 1 to 255 bytes of UTF-8. A token is expired
// from "exp" on, not only after it. Besides the errors of VerifyJws, RefuseToken with WRONG_TYPE,
// MALFORMED (claims of wrong types, names there twice, times that are negative or past the year
// 9999), MISSING_CLAIM, WRONG_ISSUER, WRONG_AUDIENCE, EXPIRED, NOT_YET_VALID, ISSUED_IN_FUTURE,
// LIFETIME_TOO_LONG. FAILED_PRECONDITION BAD_JWT_POLICY if the policy fails its check. Pure.
absl::StatusOr<JwtClaims> VerifyJwt(std::string_view token, const JwkSet& keys,
                                    const JwtPolicy& policy, absl::Time now);

// What depends on the time: EXPIRED, NOT_YET_VALID, ISSUED_IN_FUTURE. For claims verified before.
absl::Status CheckJwtTimes(const JwtClaims& claims, const JwtPolicy& policy, absl::Time now);

}  // namespace stockroom::api
