// What images are made into: told apart so that those made under an older plan can be found.
#pragma once

#include <span>
#include <string>

#include "services/api/domain/worker_pool.h"

namespace stockroom::api {

// Short text that differs whenever the presets, the ladder or the engine do: 16 hex digits of the
// SHA-256 of the presets' names and recipes, in the order of the names, the ladder's sides from the
// largest on, and the engine's epoch (services/common/recipe).
std::string WorkPlanOf(std::span<const NamedRecipe> presets, std::span<const int> ladder);

}  // namespace stockroom::api
