#include <algorithm>
#include <cmath>
#include <cstdint>

#include "absl/strings/escaping.h"
#include "services/common/base/strings.h"
#include "services/imageproc/processors/builtin.h"

namespace stockroom::imageproc {
namespace {

constexpr int kAlphaComponents = 5;
constexpr int kColorComponents = 3;

// JavaScript's Math.round, which the published hashes are made with.
int Round(double value) { return static_cast<int>(std::floor(value + 0.5)); }

struct Channel {
  double dc = 0;
  double scale = 0;
  std::vector<double> ac;  // 0 to 1
};

// Cosine transform of one channel, only the low-frequency triangle nx * ny.
Channel Transform(const std::vector<double>& values, int width, int height, int nx, int ny) {
  Channel channel;
  std::vector<double> fx(static_cast<size_t>(width));
  for (int cy = 0; cy < ny; ++cy) {
    for (int cx = 0; cx * ny < nx * (ny - cy); ++cx) {
      for (int x = 0; x < width; ++x) fx[x] = std::cos(M_PI / width * cx * (x + 0.5));
      double factor = 0;
      for (int y = 0; y < height; ++y) {
        const double fy = std::cos(M_PI / height * cy * (y + 0.5));
        for (int x = 0; x < width; ++x) factor += values[x + size_t{1} * y * width] * fx[x] * fy;
      }
      factor /= static_cast<double>(width) * height;
      if (cx == 0 && cy == 0) {
        channel.dc = factor;
      } else {
        channel.ac.push_back(factor);
        channel.scale = std::max(channel.scale, std::abs(factor));
      }
    }
  }
  if (channel.scale > 0) {
    for (double& ac : channel.ac) ac = 0.5 + 0.5 / channel.scale * ac;
  }
  return channel;
}

// The picture as luminance, yellow-blue, red-green and alpha, over its own average colour.
struct Planes {
  std::vector<double> l, p, q, a;
  bool has_alpha = false;
};

Planes Split(const Pixels& pixels) {
  const size_t count = pixels.rgba.size() / 4;
  double average[3] = {0, 0, 0};
  double alpha_sum = 0;
  for (size_t i = 0; i < count; ++i) {
    const uint8_t* rgba = &pixels.rgba[i * 4];
    const double alpha = rgba[3] / 255.0;
    for (int c = 0; c < 3; ++c) average[c] += alpha / 255 * rgba[c];
    alpha_sum += alpha;
  }
  for (double& channel : average) {
    if (alpha_sum > 0) channel /= alpha_sum;
  }
  Planes planes;
  planes.has_alpha = alpha_sum < static_cast<double>(count);
  for (size_t i = 0; i < count; ++i) {
    const uint8_t* rgba = &pixels.rgba[i * 4];
    const double alpha = rgba[3] / 255.0;
    double rgb[3];
    for (int c = 0; c < 3; ++c) rgb[c] = average[c] * (1 - alpha) + alpha / 255 * rgba[c];
    planes.l.push_back((rgb[0] + rgb[1] + rgb[2]) / 3);
    planes.p.push_back((rgb[0] + rgb[1]) / 2 - rgb[2]);
    planes.q.push_back(rgb[0] - rgb[1]);
    planes.a.push_back(alpha);
  }
  return planes;
}

}  // namespace

std::string ThumbHash(const Pixels& pixels) {
  const int w = pixels.width;
  const int h = pixels.height;
  const Planes planes = Split(pixels);
  const int l_limit = planes.has_alpha ? 5 : 7;
  const int lx = std::max(1, Round(static_cast<double>(l_limit) * w / std::max(w, h)));
  const int ly = std::max(1, Round(static_cast<double>(l_limit) * h / std::max(w, h)));
  const Channel l = Transform(planes.l, w, h, std::max(3, lx), std::max(3, ly));
  const Channel p = Transform(planes.p, w, h, kColorComponents, kColorComponents);
  const Channel q = Transform(planes.q, w, h, kColorComponents, kColorComponents);
  const Channel a =
      planes.has_alpha ? Transform(planes.a, w, h, kAlphaComponents, kAlphaComponents) : Channel();

  const bool landscape = w > h;
  const uint32_t header24 = static_cast<uint32_t>(
      Round(63 * l.dc) | Round(31.5 + 31.5 * p.dc) << 6 | Round(31.5 + 31.5 * q.dc) << 12 |
      Round(31 * l.scale) << 18 | (planes.has_alpha ? 1 << 23 : 0));
  const uint32_t header16 =
      static_cast<uint32_t>((landscape ? ly : lx) | Round(63 * p.scale) << 3 |
                            Round(63 * q.scale) << 9 | (landscape ? 1 << 15 : 0));
  std::string hash;
  for (const int shift : {0, 8, 16}) hash += static_cast<char>(header24 >> shift & 255);
  for (const int shift : {0, 8}) hash += static_cast<char>(header16 >> shift & 255);
  if (planes.has_alpha) {
    hash += static_cast<char>(Round(15 * a.dc) | Round(15 * a.scale) << 4);
  }
  bool high_half = false;
  for (const Channel* channel : {&l, &p, &q, &a}) {
    for (const double ac : channel->ac) {
      const int nibble = Round(15 * ac);
      if (high_half) {
        hash.back() = static_cast<char>(hash.back() | nibble << 4);
      } else {
        hash += static_cast<char>(nibble);
      }
      high_half = !high_half;
    }
  }
  return hash;
}

absl::StatusOr<nlohmann::json> MakeThumbHash(const AnalysisInput& input) {
  const std::string hash = ThumbHash(input.small);
  const auto byte = [&hash](size_t i) { return static_cast<uint8_t>(hash[i]); };
  const uint32_t header = byte(0) | byte(1) << 8 | byte(2) << 16;
  const double l = (header & 63) / 63.0;
  const double p = (header >> 6 & 63) / 31.5 - 1;
  const double q = (header >> 12 & 63) / 31.5 - 1;
  const bool has_alpha = (header >> 23) != 0;
  const double b = l - 2.0 / 3 * p;
  const double r = (3 * l - b + q) / 2;
  const auto channel = [](double v) { return Round(std::clamp(v, 0.0, 1.0) * 255); };

  const bool landscape = (byte(4) & 0x80) != 0;
  const double long_side = has_alpha ? 5 : 7;
  const double short_side = byte(3) & 7;
  nlohmann::json average = {channel(r), channel(r - q), channel(b),
                            has_alpha ? channel((byte(5) & 15) / 15.0) : 255};
  return nlohmann::json{{"base64", absl::Base64Escape(hash)},
                        {"average_rgba", std::move(average)},
                        {"aspect", landscape ? long_side / short_side : short_side / long_side}};
}

}  // namespace stockroom::imageproc
