// What recipes do to a picture after its resize. Only for the .cc files of this folder: it shows
// libvips' types. Everything throws vips::VError; pictures are 8 bit sRGB, P3 or grey, with or
// without alpha, which stays as it is where nothing else is said.
#pragma once

#include <string_view>
#include <vips/vips8>

#include "services/common/recipe/recipe.h"

namespace stockroom::imageproc {

// True if ApplyLook would change anything, but for the watermark.
bool HasLook(const Recipe& recipe);

// Blur to pixelate, in the recipe's order.
vips::VImage ApplyLook(vips::VImage image, const Recipe& recipe);

// The picture at (left, top) of a canvas of the recipe's background; transparent (or white, with an
// opaque format) without one.
vips::VImage OnCanvas(vips::VImage image, Size canvas, int left, int top, const Recipe& recipe);

// Lays the picture of `mark` (a JPEG, PNG or WebP file) over `image`. It is never wider or higher
// than that.
vips::VImage LayMark(vips::VImage image, std::string_view mark, const MarkStep& step);

// Without alpha, on the recipe's background or white. No change if there is none.
vips::VImage Flattened(vips::VImage image, const Recipe& recipe);

}  // namespace stockroom::imageproc
