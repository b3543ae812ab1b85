#include <algorithm>
#include <array>
#include <cmath>

#include "services/imageproc/processors/builtin.h"

namespace stockroom::imageproc {
namespace {

constexpr std::string_view kBase83 =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~";

using Rgb = std::array<double, 3>;

void AppendBase83(std::string& out, int value, int digits) {
  int divisor = 1;
  for (int i = 1; i < digits; ++i) divisor *= 83;
  for (; divisor > 0; divisor /= 83) out += kBase83[static_cast<size_t>(value / divisor % 83)];
}

double ToLinear(double byte) {
  const double v = byte / 255;
  return v <= 0.04045 ? v / 12.92 : std::pow((v + 0.055) / 1.055, 2.4);
}

int ToSrgbByte(double linear) {
  const double v = std::clamp(linear, 0.0, 1.0);
  return static_cast<int>(
      (v <= 0.0031308 ? v * 12.92 : 1.055 * std::pow(v, 1 / 2.4) - 0.055) * 255 + 0.5);
}

int Quantized(double value, double maximum) {
  const double signed_root = std::copysign(std::sqrt(std::abs(value / maximum)), value);
  return std::clamp(static_cast<int>(std::floor(signed_root * 9 + 9.5)), 0, 18);
}

// Linear light over white, so that the sums below need no colour arithmetic.
std::vector<Rgb> Linearized(const Pixels& pixels) {
  std::array<double, 256> table;
  for (size_t byte = 0; byte < table.size(); ++byte)
    table[byte] = ToLinear(static_cast<double>(byte));
  std::vector<Rgb> linear(pixels.rgba.size() / 4);
  for (size_t i = 0; i < linear.size(); ++i) {
    const uint8_t* rgba = &pixels.rgba[i * 4];
    for (size_t c = 0; c < 3; ++c) {
      const int over_white = (rgba[c] * rgba[3] + 255 * (255 - rgba[3]) + 127) / 255;
      linear[i][c] = table[static_cast<size_t>(over_white)];
    }
  }
  return linear;
}

Rgb Factor(const std::vector<Rgb>& linear, int width, int height, int cx, int cy) {
  Rgb sum = {0, 0, 0};
  std::vector<double> fx(static_cast<size_t>(width));
  for (int x = 0; x < width; ++x) fx[x] = std::cos(M_PI * cx * x / width);
  for (int y = 0; y < height; ++y) {
    const double fy = std::cos(M_PI * cy * y / height);
    for (int x = 0; x < width; ++x) {
      const double basis = fx[x] * fy;
      const Rgb& pixel = linear[static_cast<size_t>(y) * width + x];
      for (size_t c = 0; c < 3; ++c) sum[c] += basis * pixel[c];
    }
  }
  const double scale = (cx == 0 && cy == 0 ? 1.0 : 2.0) / (static_cast<double>(width) * height);
  for (double& channel : sum) channel *= scale;
  return sum;
}

}  // namespace

std::string BlurHash(const Pixels& pixels, int x_components, int y_components) {
  const std::vector<Rgb> linear = Linearized(pixels);
  std::vector<Rgb> factors;
  double largest = 0;
  for (int cy = 0; cy < y_components; ++cy) {
    for (int cx = 0; cx < x_components; ++cx) {
      factors.push_back(Factor(linear, pixels.width, pixels.height, cx, cy));
      if (factors.size() == 1) continue;
      for (const double channel : factors.back()) largest = std::max(largest, std::abs(channel));
    }
  }
  std::string hash;
  AppendBase83(hash, x_components - 1 + (y_components - 1) * 9, 1);
  double maximum = 1;
  int quantized_maximum = 0;
  if (factors.size() > 1) {
    quantized_maximum = std::clamp(static_cast<int>(std::floor(largest * 166 - 0.5)), 0, 82);
    maximum = (quantized_maximum + 1) / 166.0;
  }
  AppendBase83(hash, quantized_maximum, 1);
  const Rgb& dc = factors.front();
  AppendBase83(hash, ToSrgbByte(dc[0]) << 16 | ToSrgbByte(dc[1]) << 8 | ToSrgbByte(dc[2]), 4);
  for (size_t i = 1; i < factors.size(); ++i) {
    AppendBase83(hash,
                 Quantized(factors[i][0], maximum) * 19 * 19 +
                     Quantized(factors[i][1], maximum) * 19 + Quantized(factors[i][2], maximum),
                 2);
  }
  return hash;
}

absl::StatusOr<nlohmann::json> MakeBlurHash(const AnalysisInput& input) {
  const bool portrait = input.small.height > input.small.width;
  const int x = portrait ? 3 : 4;
  const int y = portrait ? 4 : 3;
  return nlohmann::json{{"hash", BlurHash(input.small, x, y)}, {"components", {x, y}}};
}

}  // namespace stockroom::imageproc
