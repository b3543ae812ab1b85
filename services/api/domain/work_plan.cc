#include "services/api/domain/work_plan.h"

#include <map>

#include "services/common/base/digest.h"
#include "services/common/recipe/recipe.h"

namespace stockroom::api {

std::string WorkPlanOf(std::span<const NamedRecipe> presets) {
  std::map<std::string, std::string> sorted;
  for (const NamedRecipe& preset : presets) sorted[preset.preset] = preset.recipe;
  std::string text(kEngineEpoch);
  for (const auto& [name, recipe] : sorted) text += "\n" + name + "=" + recipe;
  return Digest::Of(text).hex().substr(0, 16);
}

}  // namespace stockroom::api
