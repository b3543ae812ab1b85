#include "services/api/auth/jwt_principal.h"

#include <algorithm>

#include "services/api/domain/api_keys.h"
#include "services/api/domain/authenticator.h"
#include "services/api/domain/validation.h"
#include "services/common/base/strings.h"

namespace stockroom::api {
namespace {

std::optional<Role> RoleOf(const std::string& word, const JwtMapping& mapping) {
  for (const auto& [name, role] : mapping.role_names) {
    if (name == word) return role;
  }
  return RoleNamed(word);
}

}  // namespace

absl::StatusOr<Principal> PrincipalOf(const JwtClaims& claims, const JwtMapping& mapping) {
  if (!CheckSubject("sub", claims.subject()).ok()) {
    return InvalidCredentials("the token's subject can not own images");
  }
  std::optional<Role> role;
  for (const std::string& word : claims.Words(mapping.roles_claim)) {
    const std::optional<Role> named = RoleOf(word, mapping);
    if (named) role = role ? std::max(*role, *named) : *named;
  }
  if (!role) role = mapping.default_role;
  Principal who{
      .subject = claims.subject(), .anonymous = false, .scopes = role ? ScopesOf(*role) : Scopes()};

  Scopes granted;
  for (const std::string& word : claims.Words("scope")) {
    if (const std::optional<Scope> scope = ScopeNamed(word)) granted = granted | *scope;
  }
  if (!granted.empty()) who.scopes = who.scopes & granted;

  for (const auto& [claim, attribute] : mapping.attributes) {
    std::optional<std::string> value = claims.Scalar(claim);
    // One that no attribute can hold must not keep its bearer from uploading.
    if (value && Utf8Length(*value) <= kMaxAttributeValue) {
      who.attributes[attribute] = *std::move(value);
    }
  }
  return who;
}

}  // namespace stockroom::api
