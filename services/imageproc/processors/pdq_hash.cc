#include "services/imageproc/processors/pdq_hash.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <utility>

namespace stockroom::imageproc {
namespace {

constexpr int kLeastSide = 5;
constexpr size_t kSmall = 64;        // side of the picture that is transformed
constexpr size_t kFrequencies = 16;  // kept each way, without the constant one
constexpr int kPasses = 2;           // of a box filter: together a tent

using SmallPicture = std::array<std::array<float, kSmall>, kSmall>;
using Spectrum = std::array<float, kFrequencies * kFrequencies>;

// Means over `window` neighbours, fewer at the edges; the window reaches one further ahead than
// back when it is even. Sums run along, in the order of the published program: rounding included,
// the result is the same.
size_t AheadOf(size_t window) { return (window + 2) / 2 - 1; }

void BoxAlongRow(const float* in, float* out, size_t width, size_t window) {
  const size_t ahead = AheadOf(window);
  float sum = 0;
  size_t count = 0;
  for (size_t x = 0; x < width + ahead; ++x) {
    if (x < width) {
      sum += in[x];
      ++count;
    }
    if (x >= window) {
      sum -= in[x - window];
      --count;
    }
    if (x >= ahead) out[x - ahead] = sum / static_cast<float>(count);
  }
}

// All columns at once, row by row.
void BoxAlongColumns(const float* in, float* out, size_t width, size_t height, size_t window) {
  const size_t ahead = AheadOf(window);
  std::vector<float> sums(width, 0);
  size_t count = 0;
  for (size_t y = 0; y < height + ahead; ++y) {
    if (y < height) {
      for (size_t x = 0; x < width; ++x) sums[x] += in[y * width + x];
      ++count;
    }
    if (y >= window) {
      for (size_t x = 0; x < width; ++x) sums[x] -= in[(y - window) * width + x];
      --count;
    }
    if (y < ahead) continue;
    const auto divisor = static_cast<float>(count);
    for (size_t x = 0; x < width; ++x) out[(y - ahead) * width + x] = sums[x] / divisor;
  }
}

size_t WindowOf(size_t side) { return (side + 2 * kSmall - 1) / (2 * kSmall); }

void Blur(std::vector<float>& plane, size_t width, size_t height) {
  std::vector<float> aside(plane.size());
  for (int pass = 0; pass < kPasses; ++pass) {
    for (size_t y = 0; y < height; ++y) {
      BoxAlongRow(&plane[y * width], &aside[y * width], width, WindowOf(width));
    }
    BoxAlongColumns(aside.data(), plane.data(), width, height, WindowOf(height));
  }
}

// The values at the middles of 64 x 64 tiles.
SmallPicture Sampled(const std::vector<float>& plane, size_t width, size_t height) {
  const auto middle = [](size_t i, size_t side) {
    return static_cast<size_t>((static_cast<double>(i) + 0.5) * static_cast<double>(side) / kSmall);
  };
  SmallPicture small;
  for (size_t y = 0; y < kSmall; ++y) {
    for (size_t x = 0; x < kSmall; ++x) {
      small[y][x] = plane[middle(y, height) * width + middle(x, width)];
    }
  }
  return small;
}

// Differences of neighbours in percent; those below one do not count.
int Quality(const SmallPicture& small) {
  const auto step = [](float a, float b) {
    return std::abs(static_cast<int>((a - b) * 100 / 255));
  };
  int sum = 0;
  for (size_t i = 0; i < kSmall; ++i) {
    for (size_t j = 0; j + 1 < kSmall; ++j) {
      sum += step(small[j][i], small[j + 1][i]) + step(small[i][j], small[i][j + 1]);
    }
  }
  return std::min(sum / 90, 100);
}

// Rows 1 to 16 of the orthonormal cosine transform of 64 values.
using Cosines = std::array<std::array<float, kSmall>, kFrequencies>;
const Cosines& CosineRows() {
  static const Cosines rows = [] {
    const auto scale = static_cast<float>(std::sqrt(2.0 / kSmall));
    Cosines cosines;
    for (size_t i = 0; i < kFrequencies; ++i) {
      for (size_t j = 0; j < kSmall; ++j) {
        const double angle = M_PI / 2 / kSmall * static_cast<double>((i + 1) * (2 * j + 1));
        cosines[i][j] = static_cast<float>(scale * std::cos(angle));
      }
    }
    return cosines;
  }();
  return rows;
}

Spectrum Transformed(const SmallPicture& small) {
  const Cosines& rows = CosineRows();
  Spectrum spectrum;
  for (size_t i = 0; i < kFrequencies; ++i) {
    std::array<float, kSmall> line{};
    for (size_t k = 0; k < kSmall; ++k) {
      for (size_t j = 0; j < kSmall; ++j) line[j] += rows[i][k] * small[k][j];
    }
    for (size_t j = 0; j < kFrequencies; ++j) {
      float sum = 0;
      for (size_t k = 0; k < kSmall; ++k) sum += line[k] * rows[j][k];
      spectrum[i * kFrequencies + j] = sum;
    }
  }
  return spectrum;
}

// The lower one of the two in the middle.
float Median(Spectrum values) {
  const auto middle = values.begin() + (values.size() - 1) / 2;
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace

PdqWithQuality HashPdq(std::vector<float> luminance, int width, int height) {
  PdqWithQuality result;
  if (width < kLeastSide || height < kLeastSide) return result;
  const auto columns = static_cast<size_t>(width);
  const auto rows = static_cast<size_t>(height);
  // A picture of just this size is taken for one that was shrunk to it.
  if (columns != kSmall || rows != kSmall) Blur(luminance, columns, rows);
  const SmallPicture small = Sampled(luminance, columns, rows);
  result.quality = Quality(small);
  const Spectrum spectrum = Transformed(small);
  const float median = Median(spectrum);
  for (size_t i = 0; i < spectrum.size(); ++i) {
    result.hash.set_bit(static_cast<int>(i), spectrum[i] > median);
  }
  return result;
}

}  // namespace stockroom::imageproc
