#include "services/api/domain/roles.h"

#include <utility>

namespace stockroom::api {
namespace {

constexpr std::pair<Scope, std::string_view> kScopes[] = {
    {Scope::kRead, "images:read"},
    {Scope::kWrite, "images:write"},
    {Scope::kModerate, "images:moderate"},
    {Scope::kAdmin, "admin"},
};
constexpr std::pair<Role, std::string_view> kRoles[] = {
    {Role::kViewer, "viewer"},
    {Role::kUploader, "uploader"},
    {Role::kModerator, "moderator"},
    {Role::kAdmin, "admin"},
};

}  // namespace

Scopes ScopesOf(Role role) {
  Scopes scopes = Scope::kRead;
  if (role >= Role::kUploader) scopes = scopes | Scope::kWrite;
  if (role >= Role::kModerator) scopes = scopes | Scope::kModerate;
  if (role >= Role::kAdmin) scopes = scopes | Scope::kAdmin;
  return scopes;
}

std::string_view RoleName(Role role) {
  for (const auto& [value, name] : kRoles) {
    if (value == role) return name;
  }
  return "";
}

std::optional<Role> RoleNamed(std::string_view name) {
  for (const auto& [value, known] : kRoles) {
    if (known == name) return value;
  }
  return std::nullopt;
}

std::vector<std::string> ScopeNames(Scopes scopes) {
  std::vector<std::string> names;
  for (const auto& [value, name] : kScopes) {
    if (scopes.Has(value)) names.emplace_back(name);
  }
  return names;
}

std::optional<Scope> ScopeNamed(std::string_view name) {
  for (const auto& [value, known] : kScopes) {
    if (known == name) return value;
  }
  return std::nullopt;
}

}  // namespace stockroom::api
