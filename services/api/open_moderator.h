// The external moderator that the configuration names.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "services/api/domain/moderator.h"
#include "services/api/domain/screening.h"
#include "services/api/options.h"

namespace stockroom::api {

// Null without moderation.hook_url. INVALID_ARGUMENT.
absl::StatusOr<std::unique_ptr<Moderator>> OpenModerator(const Options& options);
ModeratorPolicy ModeratorPolicyOf(const Options& options);

}  // namespace stockroom::api
