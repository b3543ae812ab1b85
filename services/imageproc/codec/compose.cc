#include "services/imageproc/codec/compose.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "services/imageproc/codec/loaders.h"
#include "services/imageproc/codec/look.h"
#include "services/imageproc/codec/resize.h"

namespace stockroom::imageproc {

using vips::VImage;

namespace {

constexpr double kMostPixelsToTrim = 1'000'000;

Size SizeOf(const VImage& image) { return {image.width(), image.height()}; }

// Where `area` of the upright original is in the picture as it lies.
Rect LyingArea(const View& view, Rect area) {
  const Size upright = view.turn.Of(SizeOf(view.image));
  return view.turn.Before(AreaOn(area, view.original, upright), upright);
}

std::string_view FindMark(std::span<const Mark> marks, const std::string& name) {
  for (const Mark& mark : marks) {
    if (mark.name == name) return mark.picture;
  }
  throw vips::VError("there is no watermark " + name);
}

}  // namespace

Rect Trimmed(const View& view, Rect area, int threshold) {
  const Size upright = view.turn.Of(SizeOf(view.image));
  const Rect part = AreaOn(area, view.original, upright);
  VImage image = CutTo(Turned(ToScreenColours(view.image, false), view.turn), part);
  const std::vector<double> corner = image.getpoint(0, 0);
  const int colours = image.bands() - (image.has_alpha() ? 1 : 0);
  std::vector<double> background(corner.begin(), corner.begin() + colours);
  if (image.has_alpha() && corner.back() == 0) {
    image = image.extract_band(colours);
    background = {0};
  }
  // Finding costs 0.3 s a megapixel, so it looks at no more than is needed to see a border.
  const int64_t pixels = int64_t{image.width()} * image.height();
  const int shrink = std::max(
      1, static_cast<int>(std::ceil(std::sqrt(static_cast<double>(pixels) / kMostPixelsToTrim))));
  if (shrink > 1) image = image.shrink(shrink, shrink).copy_memory();
  int left = 0;
  int top = 0;
  int width = 0;
  int height = 0;
  left = image.find_trim(&top, &width, &height,
                         VImage::option()
                             ->set("threshold", static_cast<double>(threshold))
                             ->set("background", background));
  if (width == 0 || height == 0) return area;
  const Rect found = {part.left + left * shrink, part.top + top * shrink,
                      std::min(width * shrink, part.width - left * shrink),
                      std::min(height * shrink, part.height - top * shrink)};
  return AreaOn(found, upright, view.original);
}

VImage Compose(const View& view, const Geometry& geometry, const Recipe& recipe,
               std::span<const Mark> marks) {
  const Turn turn = view.turn.Then(recipe.rotate, recipe.flip_h, recipe.flip_v);
  VImage image = CutTo(view.image, LyingArea(view, geometry.area));
  image = ResizedTo(image, turn.Of(geometry.scaled));
  image = CutTo(image, turn.Before(geometry.window, geometry.scaled));
  // Colours and turning come after the resize: the same result from far fewer pixels.
  image = ToScreenColours(image, recipe.wide_color);
  image = ApplyLook(Turned(image, turn), recipe);
  if (geometry.canvas != SizeOf(image)) {
    image = OnCanvas(image, geometry.canvas, geometry.left, geometry.top, recipe);
  }
  if (recipe.mark) image = LayMark(image, FindMark(marks, recipe.mark->name), *recipe.mark);
  if (recipe.format == ImageFormat::kJpeg) return Flattened(image, recipe);
  if (recipe.background && recipe.mode == Recipe::Mode::kPad && (*recipe.background & 255) == 255) {
    return Flattened(image, recipe);
  }
  return WithoutIdleAlpha(image);
}

VImage WithoutIdleAlpha(VImage image) {
  if (!image.has_alpha()) return image;
  image = image.copy_memory();
  const int alpha = image.bands() - 1;
  if (image.extract_band(alpha).min() < 255) return image;
  return image.extract_band(0, VImage::option()->set("n", alpha)).copy_memory();
}

}  // namespace stockroom::imageproc
