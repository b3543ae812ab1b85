// Words of the grammar that both reading and writing need. Private to this folder.
#pragma once

#include <array>
#include <string_view>
#include <utility>

#include "services/common/recipe/recipe.h"

namespace stockroom {

inline constexpr std::array<std::pair<Gravity, std::string_view>, 10> kGravityNames = {{
    {Gravity::kCenter, "center"},
    {Gravity::kNorth, "n"},
    {Gravity::kNorthEast, "ne"},
    {Gravity::kEast, "e"},
    {Gravity::kSouthEast, "se"},
    {Gravity::kSouth, "s"},
    {Gravity::kSouthWest, "sw"},
    {Gravity::kWest, "w"},
    {Gravity::kNorthWest, "nw"},
    {Gravity::kSmart, "smart"},
}};

// Whether quality, a background and so on can mean anything for results of this format.
inline bool HasQuality(const Recipe& recipe) {
  switch (recipe.format) {
    case ImageFormat::kAuto:
    case ImageFormat::kJpeg:
      return true;
    case ImageFormat::kWebp:
    case ImageFormat::kAvif:
      return !recipe.lossless;
    case ImageFormat::kPng:
    case ImageFormat::kGif:
      return false;
  }
  return false;
}
inline bool MayBeLossless(ImageFormat format) {
  return format == ImageFormat::kAuto || format == ImageFormat::kWebp ||
         format == ImageFormat::kAvif;
}
inline bool MayHavePalette(ImageFormat format) {
  return format == ImageFormat::kAuto || format == ImageFormat::kPng;
}
inline bool MayMove(ImageFormat format) {
  return format == ImageFormat::kAuto || format == ImageFormat::kWebp ||
         format == ImageFormat::kGif;
}
inline bool MayLackAlpha(ImageFormat format) {
  return format == ImageFormat::kAuto || format == ImageFormat::kJpeg;
}
// EXIF and ICC profiles.
inline bool MayHaveMetadata(ImageFormat format) { return format != ImageFormat::kGif; }

}  // namespace stockroom
