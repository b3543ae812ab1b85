// Resizing and turning libvips pictures. Only for the .cc files of this folder. Throws
// vips::VError.
#pragma once

#include <vips/vips8>

#include "services/common/recipe/recipe.h"
#include "services/imageproc/codec/turn.h"

namespace stockroom::imageproc {

// Exactly `size`; invisible pixels' colours do not bleed into their neighbours. Lazy.
vips::VImage ResizedTo(vips::VImage image, Size size);

// The part `area`; no change if it is everything. Lazy.
vips::VImage CutTo(vips::VImage image, Rect area);

// Turned as told; computes the picture into memory first if that needs more than one row at a time.
vips::VImage Turned(vips::VImage image, Turn turn);

}  // namespace stockroom::imageproc
