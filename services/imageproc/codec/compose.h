// From a decoded picture to the one that is encoded. Only for the .cc files of this folder: it
// shows libvips' types. Throws vips::VError.
#pragma once

#include <span>
#include <vips/vips8>

#include "services/common/recipe/geometry.h"
#include "services/imageproc/codec/render.h"
#include "services/imageproc/codec/turn.h"

namespace stockroom::imageproc {

// A picture as it lies in a file or in memory.
struct View {
  vips::VImage image;
  Turn turn;      // what makes it upright
  Size original;  // upright size of the original that it shows the whole of
};

// The part of the upright original that the recipe uses once its border is trimmed; needs the
// view's pixels in memory. `area`: what to trim. Everything if it is all border.
Rect Trimmed(const View& view, Rect area, int threshold);

// The picture that `recipe` describes as `geometry` plans it, 8 bit, ready for EncodePicture. Lazy
// as far as it goes.
vips::VImage Compose(const View& view, const Geometry& geometry, const Recipe& recipe,
                     std::span<const Mark> marks);

// Without an alpha channel that hides nothing; with one the picture is in memory afterwards.
vips::VImage WithoutIdleAlpha(vips::VImage image);

}  // namespace stockroom::imageproc
