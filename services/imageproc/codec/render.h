// Recipes, executed.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "services/common/recipe/recipe.h"
#include "services/imageproc/codec/source_image.h"

namespace stockroom::imageproc {

// An operator's watermark: as recipes name it, and its file.
struct Mark {
  std::string_view name;
  std::string_view picture;
};

// What is rendered of what.
struct RenderSource {
  const SourceImage& file;
  // Upright size of the original: recipes are about it, also when the file is a rung of it.
  Size original;
  std::span<const Mark> marks;
};

struct Rendered {
  std::string bytes;
  Size size;
};

// An animation with more frames, or more pixels in all frames of the result, is shown as its first
// frame: encoding takes about 0.2 s for each million pixels.
inline constexpr int kMaxAnimationFrames = 500;
inline constexpr int64_t kMaxAnimationPixels = 25'000'000;

// True if the result can not be made of pixels that were decoded for other recipes too: it needs
// all frames, the original's colours, or its exact border.
bool NeedsFile(const SourceFacts& facts, const Recipe& recipe);

// Decodes as little as the recipe needs, and makes it. `recipe` is resolved. The result never has
// more bytes than the file if that is an original of the same format and size, as far as the format
// can help it. INVALID_ARGUMENT, OUT_OF_RANGE as SourceImage; INVALID_ARGUMENT (BAD_RECIPE) for a
// crop outside of the picture.
absl::StatusOr<Rendered> RenderRecipe(const RenderSource& source, const Recipe& recipe);

// The same of pixels that are there already: `raster` shows the whole original at any size. Not if
// NeedsFile.
absl::StatusOr<Rendered> RenderRecipe(const RenderSource& source, const Raster& raster,
                                      const Recipe& recipe);

}  // namespace stockroom::imageproc
