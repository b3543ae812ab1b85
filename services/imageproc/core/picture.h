// What is known about an original, and the small pictures that processors look at.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace stockroom::imageproc {

struct SourceFacts {
  int width = 0;  // upright
  int height = 0;
  std::string format;  // jpeg, png, webp, gif, tiff, avif, heic, jxl, svg
  std::string media_type;
  int frames = 1;               // of an animation; pages of a document do not count
  bool progressive = false;     // JPEG: not baseline; PNG, GIF: interlaced
  int bit_depth = 8;            // of one channel
  bool has_alpha = false;       // the file has an alpha channel, even if it hides nothing
  std::string color_space;      // rgb, grey, cmyk, or libvips' name of another one
  std::string icc_description;  // empty: no profile or one without a name
  int orientation = 1;          // EXIF, 1 to 8, already applied to width and height
  // EXIF tag name (as in the standard, e.g. "FNumber") to its value as text: rationals as "28/10",
  // several values separated by a blank. Only tags of the short list in codec/exif.cc.
  std::map<std::string, std::string> exif;
  std::optional<absl::Time> taken_time;  // EXIF has no time zone: read as UTC
};

// 8-bit sRGB with straight alpha, row by row.
struct Pixels {
  int width = 0;
  int height = 0;
  std::vector<uint8_t> rgba;  // width * height * 4

  const uint8_t* at(int x, int y) const {
    return &rgba[(static_cast<size_t>(y) * static_cast<size_t>(width) + static_cast<size_t>(x)) *
                 4];
  }
};

// Longest sides of the two pictures that processors get: for hashes of colour, and for what looks
// at edges.
inline constexpr int kAnalysisSide = 100;
inline constexpr int kLargeAnalysisSide = 512;

}  // namespace stockroom::imageproc
