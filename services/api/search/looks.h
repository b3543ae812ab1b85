// How an image looks, in a few numbers, and how different two such looks are. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace stockroom::api {

// Two parts, each from what a processor found:
//
// - the blurred picture that a ThumbHash (evanw.github.io/thumbhash) describes: the lowest
//   frequencies of a cosine transform of luminance L (0 to 1) and of the colour differences
//   P = (red + green) / 2 - blue and Q = red - green (-1 to 1);
// - the palette: at most six colours in OKLab (bottosson.github.io/posts/oklab) with weights.
struct Looks {
  // Coefficients of L (10), P (6) and Q (6) in units of 1/1024, scaled so that the squared distance
  // of two of these vectors is the mean squared difference of the two blurred pictures, both
  // stretched to one frame (Parseval); P and Q by half. The rest is 0.
  static constexpr int kCoefficients = 24;
  static constexpr int kUnit = 1024;
  std::array<int16_t, kCoefficients> blurred{};

  struct Color {
    int8_t lightness = 0;  // OKLab in units of 1/127
    int8_t a = 0;
    int8_t b = 0;
    uint8_t weight = 0;  // of 255; 0: no colour
  };
  static constexpr int kColors = 6;
  std::array<Color, kColors> palette{};
};

// From the results of the processors "thumbhash" and "palette". Anything may stand there: without a
// ThumbHash that can be read there is nothing, without a palette it is empty.
std::optional<Looks> LooksOf(const std::map<std::string, std::string>& analysis);

// 0 (looks the same) to 1. With S the root mean square difference of the blurred pictures and C the
// difference of the palettes:
//
//   distance = (min(1, S) + min(1, C)) / 2
//   S = sqrt(mean(dL^2 + dP^2 / 4 + dQ^2 / 4))
//   C = (c(x, y) + c(y, x)) / 2, where c(x, y) is the mean over x's colours, by their weights, of
//       the OKLab distance to y's nearest colour; 1 if only one of them has colours.
//
// Symmetric. The two halves, as the first alone often tells that two images differ too much:
float BlurDistance(const Looks& a, const Looks& b);     // min(1, S) / 2
float PaletteDistance(const Looks& a, const Looks& b);  // min(1, C) / 2
inline float LooksDistance(const Looks& a, const Looks& b) {
  return BlurDistance(a, b) + PaletteDistance(a, b);
}

}  // namespace stockroom::api
