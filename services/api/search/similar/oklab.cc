#include "services/api/search/similar/oklab.h"

#include <cmath>

namespace stockroom::api {
namespace {

std::array<double, 256> LinearOfBytes() {
  std::array<double, 256> linear{};
  for (int byte = 0; byte < 256; ++byte) {
    const double v = byte / 255.0;
    linear[static_cast<size_t>(byte)] =
        v <= 0.04045 ? v / 12.92 : std::pow((v + 0.055) / 1.055, 2.4);
  }
  return linear;
}

}  // namespace

LinearRgb LinearOf(uint32_t rgb) {
  static const std::array<double, 256> kLinear = LinearOfBytes();
  return {kLinear[rgb >> 16 & 255], kLinear[rgb >> 8 & 255], kLinear[rgb & 255]};
}

Oklab OklabOf(uint32_t rgb) {
  const auto [r, g, b] = LinearOf(rgb);
  const auto root = [](double v) { return std::cbrt(static_cast<float>(v)); };
  const double l = root(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const double m = root(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const double s = root(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return {0.2104542553 * l + 0.7936177850 * m - 0.0040720468 * s,
          1.9779984951 * l - 2.4285922050 * m + 0.4505937099 * s,
          0.0259040371 * l + 0.7827717662 * m - 0.8086757660 * s};
}

LinearRgb LinearOf(const Oklab& lab) {
  const auto cube = [](double v) { return v * v * v; };
  const double l = cube(lab.l + 0.3963377774 * lab.a + 0.2158037573 * lab.b);
  const double m = cube(lab.l - 0.1055613458 * lab.a - 0.0638541728 * lab.b);
  const double s = cube(lab.l - 0.0894841775 * lab.a - 1.2914855480 * lab.b);
  return {4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
          -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
          -0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s};
}

}  // namespace stockroom::api
