// OKLab (bottosson.github.io/posts/oklab): equal distances look about equally different.
#pragma once

#include <array>
#include <cstdint>

namespace stockroom::api {

struct Oklab {
  double l = 0;
  double a = 0;
  double b = 0;
};

// Red, green, blue in linear light, 0 to 1 in sRGB.
using LinearRgb = std::array<double, 3>;

LinearRgb LinearOf(uint32_t rgb);  // of 0xrrggbb
Oklab OklabOf(uint32_t rgb);
// May leave 0 to 1: OKLab holds more than sRGB.
LinearRgb LinearOf(const Oklab& lab);

}  // namespace stockroom::api
