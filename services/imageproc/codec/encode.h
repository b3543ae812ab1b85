// Writing files. Only for the .cc files of this folder: it shows libvips' types. Throws
// vips::VError.
#pragma once

#include <string>
#include <string_view>
#include <vips/vips8>

#include "services/common/recipe/recipe.h"

namespace stockroom::imageproc {

// What of the original's metadata a rendition keeps; texts, empty if there are none.
struct KeptMetadata {
  std::string copyright;
  std::string artist;
};

// `image` without any metadata but what is needed to show it: page height, delays and loop of an
// animation and, `with_profile`, its colour profile.
vips::VImage WithoutMetadata(const vips::VImage& image, bool with_profile);

// `image` is 8 bit sRGB, P3 or grey; for JPEG without alpha. The format is not kAuto.
std::string EncodePicture(const vips::VImage& image, const Recipe& recipe,
                          const KeptMetadata& kept);

// Like `bytes`, which EncodePicture made of this, but of at most `limit` bytes if the format can
// say the same with less: by lower quality (not below kLowestQuality), for PNG, GIF and lossless
// ones by more effort or fewer colours. The smallest found if none is small enough. `image` is read
// several times, so it should lie in memory.
std::string EncodeBelow(const vips::VImage& image, Recipe recipe, const KeptMetadata& kept,
                        std::string bytes, size_t limit);

inline constexpr int kLowestQuality = 30;

}  // namespace stockroom::imageproc
