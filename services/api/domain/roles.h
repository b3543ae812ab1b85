// The names of scopes and roles, as requests, tokens and the configuration write them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "services/api/domain/principal.h"

namespace stockroom::api {

// Each may do what the one before may. Values are stored in the database: never renumber.
enum class Role { kViewer = 1, kUploader = 2, kModerator = 3, kAdmin = 4 };

Scopes ScopesOf(Role role);
std::string_view RoleName(Role role);
// nullopt for another name.
std::optional<Role> RoleNamed(std::string_view name);

// "images:read", …; in the order of the enum.
std::vector<std::string> ScopeNames(Scopes scopes);
std::optional<Scope> ScopeNamed(std::string_view name);

}  // namespace stockroom::api
