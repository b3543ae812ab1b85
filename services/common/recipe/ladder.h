// The ladder: a few large renditions made at ingest, so that later requests decode a rung instead
// of the original. Which rungs an original has follows from its size alone: nobody needs to look
// them up, and a lost one is simply not there.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "services/common/recipe/geometry.h"

namespace stockroom {

struct Rung {
  Size size;
  Recipe recipe;    // resolved: jpeg, quality 90, inside a square of the rung's side
  std::string key;  // RenditionKey(recipe)
};

// What an original is, as far as it matters for planning. All known from its header.
struct SourceTraits {
  Size size;  // upright
  std::string format;
  int frames = 1;
  bool has_alpha = false;
  bool progressive = false;
  int64_t bytes = 0;
};

// Pixels a side that a rung must have for each one of a result: below it, the rung's own resize and
// encoding could be seen.
inline constexpr double kRungMargin = 1.5;
inline constexpr int kRungQuality = 90;

// Largest first. Only of still pictures without alpha, and only where the original's longest side
// is at least twice the rung's. `sides`: the rungs' longest sides.
std::vector<Rung> LadderOf(const SourceTraits& original, std::span<const int> sides);

// The smallest rung that still has at least kRungMargin times the pixels a side that the recipe
// needs of the area it uses; nullptr: take the original. Recipes that look at the original's own
// pixels (trim, wide colours, copyright, lossless) take the original; so do those that can not be
// planned. `recipe` is resolved and about the original, also when a rung is decoded for it: plan
// with the original's size, then AreaOn the rung.
const Rung* ChooseRung(const SourceTraits& original, const Recipe& recipe,
                       std::span<const Rung> rungs);

// The ladder for these presets: one rung, twice their largest box. Empty when none has a box.
std::vector<int> LadderSidesFor(std::span<const Recipe> presets);

}  // namespace stockroom
