// How an image looks, in a few numbers, and how different two such looks are. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <type_traits>

namespace stockroom::api {

// Two parts, each from what a processor found:
//
// - the blurred picture that a ThumbHash (evanw.github.io/thumbhash) describes: the lowest
//   frequencies of a cosine transform of luminance L (0 to 1) and of the colour differences
//   P = (red + green) / 2 - blue and Q = red - green (-1 to 1);
// - the palette: its five heaviest colours in OKLab (bottosson.github.io/posts/oklab) with weights.
//
// Bytes only, so that it has no padding and no byte order: it stands in segments and checkpoints.
struct Looks {
  // Coefficients of L (10), P (6) and Q (6) in units of 1/254, scaled so that the squared distance
  // of two of these vectors is the mean squared difference of the two blurred pictures, both
  // stretched to one frame (Parseval); P and Q by half. The mean of L is less 1/2, so that all fit
  // into -1/2 to 1/2: no picture's wave has more than sqrt(2) / pi of that.
  static constexpr int kCoefficients = 22;
  static constexpr int kUnit = 254;
  std::array<int8_t, kCoefficients> blurred{};

  // 18 bits of colour and 6 of weight: a step of lightness is 1.6 of CIELAB's 100, one of chroma
  // about 2.5; 2.3 is a just noticeable difference.
  struct Color {
    std::array<uint8_t, 3> bits{};  // little endian: L, a, b, weight from the lowest bit on

    // OKLab L = (code & 63) / 63, a = ((code >> 6 & 63) - kZeroA) * kStep, b likewise: all of sRGB.
    static constexpr int kZeroA = 29;
    static constexpr int kZeroB = 38;
    static constexpr double kStep = 0.0083;
    static constexpr uint32_t kCodes = 1 << 18;
    constexpr uint32_t code() const {
      return (bits[0] | bits[1] << 8 | bits[2] << 16) & (kCodes - 1);
    }
    // Of 63; 0: no colour, and none after it.
    constexpr int weight() const { return bits[2] >> 2; }
  };
  static constexpr int kColors = 5;
  std::array<Color, kColors> palette{};
};
static_assert(sizeof(Looks) == 37 && alignof(Looks) == 1);
static_assert(std::is_trivially_copyable_v<Looks>);

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
