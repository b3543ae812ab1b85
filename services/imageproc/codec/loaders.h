// The libvips loader of each format, with our settings. Only for the .cc files of this folder: it
// shows libvips' types. Everything throws vips::VError.
#pragma once

#include <string_view>
#include <vips/vips8>

#include "services/common/media/sniff.h"

namespace stockroom::imageproc {

// Reads the header; pixels come lazily, first frame, in one pass from top to bottom. `shrink` is 1,
// or 2, 4, 8 for JPEG, or any factor for WebP; others ignore it. A file that ends too early is an
// error once its pixels are read, harmless warnings are not.
vips::VImage LoadSource(std::string_view bytes, MediaKind format, double shrink);

// How much the loader may shrink so that at least `target` remains of `full` (pixels along a side).
double ShrinkOnLoad(MediaKind format, double ratio);

// To 8 bit sRGB (or grey), alpha untouched. Profiles count unless they are plain sRGB.
vips::VImage ToSrgb(vips::VImage image);

}  // namespace stockroom::imageproc
