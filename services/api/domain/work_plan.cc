#include "services/api/domain/work_plan.h"

#include <functional>
#include <map>
#include <set>

#include "services/common/base/digest.h"
#include "services/common/recipe/recipe.h"

namespace stockroom::api {

std::string WorkPlanOf(std::span<const NamedRecipe> presets, std::span<const int> ladder) {
  std::map<std::string, std::string> sorted;
  for (const NamedRecipe& preset : presets) sorted[preset.preset] = preset.recipe;
  std::string text(kEngineEpoch);
  for (const auto& [name, recipe] : sorted) text += "\n" + name + "=" + recipe;
  const std::set<int, std::greater<>> sides(ladder.begin(), ladder.end());
  for (const int side : sides) text += "\nrung " + std::to_string(side);
  return Digest::Of(text).hex().substr(0, 16);
}

}  // namespace stockroom::api
