// The libvips loader of each format, with our settings. Only for the .cc files of this folder: it
// shows libvips' types. Everything throws vips::VError.
#pragma once

#include <string_view>
#include <vips/vips8>

#include "services/common/media/sniff.h"

namespace stockroom::imageproc {

struct LoadOptions {
  double shrink = 1;  // as ShrinkOnLoad says
  bool all_frames = false;
  // A JPEG is also refused for what its decoder merely warns of.
  bool strict = true;
};

// Reads the header; pixels come lazily, in one pass from top to bottom, the first frame or all of
// them one below the other. A file that is damaged or ends too early is an error once its pixels
// are read.
vips::VImage LoadSource(std::string_view bytes, MediaKind format, const LoadOptions& options);

// How much the loader may shrink so that at least 1 / `ratio` of the sides remains: 1, 2, 4 or 8
// for JPEG, any factor for SVG, up to half the ratio for WebP (whose own filter is a coarse one), 1
// for the others.
double ShrinkOnLoad(MediaKind format, double ratio);

// What libvips' error text says of a JPEG whose decoder only warned.
enum class JpegWarning {
  kNone,
  kHarmless,  // odd, but the pixels are right: it may be loaded again, not strictly
  kDamage,    // pixels are missing or wrong
};
JpegWarning JudgeWarning(std::string_view error);

// To 8 bit sRGB (or grey), alpha untouched. Profiles count unless they are plain sRGB. `wide`: to
// Display P3 with its profile attached, if the picture's own has more colours than sRGB.
vips::VImage ToScreenColours(vips::VImage image, bool wide);

}  // namespace stockroom::imageproc
