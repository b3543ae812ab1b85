#include "services/common/recipe/ladder.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <utility>

namespace stockroom {
namespace {

int64_t Area(Size size) { return int64_t{size.width} * size.height; }

// Whether `there` pixels of a rung's side are enough for `needed` ones of the result.
bool Enough(double there, int needed) { return there >= kRungMargin * needed; }

}  // namespace

std::vector<Rung> LadderOf(const SourceTraits& original, std::span<const int> sides) {
  std::vector<Rung> rungs;
  if (original.frames > 1 || original.has_alpha) return rungs;
  std::vector<int> descending(sides.begin(), sides.end());
  std::sort(descending.begin(), descending.end(), std::greater<>());
  descending.erase(std::unique(descending.begin(), descending.end()), descending.end());
  const int longest = std::max(original.size.width, original.size.height);
  for (const int side : descending) {
    if (side < 1 || side > kMaxSide || longest < int64_t{2} * side) continue;
    Rung rung;
    rung.size = FitInside(original.size, {side, side});
    rung.recipe.mode = Recipe::Mode::kFit;
    rung.recipe.width = rung.recipe.height = side;
    rung.recipe.format = ImageFormat::kJpeg;
    rung.recipe.quality = kRungQuality;
    rung.key = RenditionKey(rung.recipe);
    rungs.push_back(std::move(rung));
  }
  return rungs;
}

const Rung* ChooseRung(const SourceTraits& original, const Recipe& recipe,
                       std::span<const Rung> rungs) {
  if (recipe.trim > 0 || recipe.wide_color || recipe.keep_copyright || recipe.lossless) {
    return nullptr;
  }
  const auto plan = PlanGeometry(original.size, recipe);
  if (!plan.ok()) return nullptr;
  Size needed = plan->scaled;
  if (recipe.rotate % 180 != 0) std::swap(needed.width, needed.height);
  const Rung* best = nullptr;
  for (const Rung& rung : rungs) {
    // Not rounded: half a pixel more or less must not decide between a rung and the original.
    const double width =
        static_cast<double>(plan->area.width) * rung.size.width / original.size.width;
    const double height =
        static_cast<double>(plan->area.height) * rung.size.height / original.size.height;
    if (!Enough(width, needed.width) || !Enough(height, needed.height)) continue;
    if (best == nullptr || Area(rung.size) < Area(best->size)) best = &rung;
  }
  return best;
}

std::vector<int> LadderSidesFor(std::span<const Recipe> presets) {
  int largest = 0;
  for (const Recipe& preset : presets) {
    if (preset.mode == Recipe::Mode::kKeep) continue;
    largest = std::max({largest, preset.width, preset.height});
  }
  if (largest == 0) return {};
  return {std::min(2 * largest, kMaxSide)};
}

}  // namespace stockroom
