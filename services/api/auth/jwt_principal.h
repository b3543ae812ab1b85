// From what a token says to who that is here.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "services/api/auth/jwt.h"
#include "services/api/domain/roles.h"

namespace stockroom::api {

struct JwtMapping {
  // Claim with the bearer's roles: a list of texts, or one text with words between spaces; nested
  // ones as a JSON pointer.
  std::string roles_claim = "roles";
  // What the issuer calls our roles, where it is not viewer, uploader, moderator or admin.
  std::vector<std::pair<std::string, Role>> role_names;
  // Of a bearer who has none of them; nullopt: may do nothing.
  std::optional<Role> default_role = Role::kViewer;
  // Claim, and the attribute that it becomes on whatever its bearer uploads. Claims that are
  // absent, longer than an attribute, or no text, number or truth value are left out.
  std::vector<std::pair<std::string, std::string>> attributes;
};

// The greatest of the roles counts. If "scope" names any of our scopes, the bearer may do no more
// than those. UNAUTHENTICATED (CREDENTIALS_INVALID) for a subject that can not own images.
absl::StatusOr<Principal> PrincipalOf(const JwtClaims& claims, const JwtMapping& mapping);

}  // namespace stockroom::api
