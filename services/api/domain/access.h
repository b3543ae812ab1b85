// What people are told about images that they may not see or change.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "services/api/domain/image.h"
#include "services/api/domain/principal.h"
#include "services/common/base/status.h"

namespace stockroom::api {

// NOT_FOUND (IMAGE_NOT_FOUND), the same whether it does not exist or may not be seen.
inline absl::Status NoSuchImage(std::string_view id) {
  return NotFound("IMAGE_NOT_FOUND", "there is no image " + std::string(id));
}

// OK, NOT_FOUND for what they may not read, PERMISSION_DENIED (NOT_THE_OWNER).
inline absl::Status CheckMayChange(const Principal& who, const Image& image) {
  if (!MayRead(who, image)) return NoSuchImage(image.id);
  if (MayChange(who, image)) return absl::OkStatus();
  return MakeStatus(absl::StatusCode::kPermissionDenied, "only its owner may change this image",
                    {.reason = "NOT_THE_OWNER"});
}

// For what hands out or takes in everything, others' private images among it. Where nobody has to
// log in, whoever may administer may also make a key for all that (ApiKeys::Create).
// PERMISSION_DENIED (SCOPE_MISSING).
inline absl::Status CheckMaySeeAll(const Principal& who) {
  if (who.anonymous || who.scopes.Has(Scope::kModerate)) return absl::OkStatus();
  return MakeStatus(absl::StatusCode::kPermissionDenied,
                    "this is about everybody's images, private ones, too; it takes the scope "
                    "images:moderate besides admin",
                    {.reason = "SCOPE_MISSING", .metadata = {{"scope", "images:moderate"}}});
}

}  // namespace stockroom::api
