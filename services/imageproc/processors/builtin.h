// The built-in processors' functions, for list.cc and tests. Each has a file of its name.
#pragma once

#include <string>
#include <vector>

#include "services/imageproc/processors/processor.h"

namespace stockroom::imageproc {

// Dimensions, format, colour and camera: {"width", "height", "format", "media_type", "frames",
// "progressive", "bit_depth", "has_alpha", "color_space", "orientation", "icc_profile"?,
// "taken_time"?, "camera"?: {"make", "model", "lens", "software"}, "exposure"?: {"time_s",
// "f_number", "iso", "focal_length_mm", "focal_length_35mm"}, "gps"?: {"latitude", "longitude",
// "altitude_m"}}
absl::StatusOr<nlohmann::json> DescribeFacts(const AnalysisInput& input);

// {"base64", "average_rgba": [0..255 x 4], "aspect": width / height as the hash tells it}
absl::StatusOr<nlohmann::json> MakeThumbHash(const AnalysisInput& input);

// {"hash", "components": [x, y]}: 4 x 3, or 3 x 4 for portraits. Transparent parts count as white.
absl::StatusOr<nlohmann::json> MakeBlurHash(const AnalysisInput& input);

// {"colors": [{"hex": "#rrggbb", "weight": 0..1}]}, at most six, heaviest first. Transparent pixels
// do not count; an invisible picture has none.
absl::StatusOr<nlohmann::json> FindPalette(const AnalysisInput& input);

// {"hash": 64 hex digits, "quality": 0..100}: PDQ of the large picture, see pdq_hash.h and
// common/media/pdq.h, as the published program hashes a file. Transparent parts count as white. All
// zero when a side is below 5 pixels.
absl::StatusOr<nlohmann::json> MakePdq(const AnalysisInput& input);

// {"score": 0..100, "method": "laplacian-variance"}: the logarithm of the variance of the large
// picture's Laplacian, mean of the sharpest quarter of its 8 x 8 tiles: 100 is a variance of 10000
// or more, 50 one of 100. Photographs in focus have about 70 to 95, blurred ones less than 50.
// Noise counts as detail.
absl::StatusOr<nlohmann::json> MeasureSharpness(const AnalysisInput& input);

// {"x", "y", "w", "h", "focus": {"x", "y"}}: the most interesting region of the large picture and
// its middle, as fractions of its sides. The whole picture if nothing stands out.
absl::StatusOr<nlohmann::json> FindSmartCrop(const AnalysisInput& input);

// The hashes themselves. ThumbHash: evanw.github.io/thumbhash, at most 100 x 100 pixels.
std::string ThumbHash(const Pixels& pixels);
// BlurHash: github.com/woltapp/blurhash, Algorithm.md; 1 to 9 components each way.
std::string BlurHash(const Pixels& pixels, int x_components, int y_components);

}  // namespace stockroom::imageproc
