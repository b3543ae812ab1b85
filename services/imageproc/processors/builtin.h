// The built-in processors' functions, for list.cc and tests. Each has a file of its name.
#pragma once

#include <string>
#include <vector>

#include "services/imageproc/processors/processor.h"

namespace stockroom::imageproc {

// Dimensions, format, colour and camera: {"width", "height", "format", "media_type", "frames",
// "bit_depth", "has_alpha", "color_space", "orientation", "icc_profile"?, "taken_time"?,
// "camera"?: {"make", "model", "lens", "software"}, "exposure"?: {"time_s", "f_number", "iso",
// "focal_length_mm", "focal_length_35mm"}, "gps"?: {"latitude", "longitude", "altitude_m"}}
absl::StatusOr<nlohmann::json> DescribeFacts(const ProcessorInput& input);

// {"base64", "average_rgba": [0..255 x 4], "aspect": width / height as the hash tells it}
absl::StatusOr<nlohmann::json> MakeThumbHash(const ProcessorInput& input);

// {"hash", "components": [x, y]}: 4 x 3, or 3 x 4 for portraits. Transparent parts count as white.
absl::StatusOr<nlohmann::json> MakeBlurHash(const ProcessorInput& input);

// {"colors": [{"hex": "#rrggbb", "weight": 0..1}]}, at most six, heaviest first. Transparent pixels
// do not count; an invisible picture has none.
absl::StatusOr<nlohmann::json> FindPalette(const ProcessorInput& input);

// The hashes themselves. ThumbHash: evanw.github.io/thumbhash, at most 100 x 100 pixels.
std::string ThumbHash(const Pixels& pixels);
// BlurHash: github.com/woltapp/blurhash, Algorithm.md; 1 to 9 components each way.
std::string BlurHash(const Pixels& pixels, int x_components, int y_components);

}  // namespace stockroom::imageproc
