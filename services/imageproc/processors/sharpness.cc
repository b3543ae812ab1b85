#include <algorithm>
#include <cmath>
#include <functional>

#include "services/imageproc/processors/builtin.h"
#include "services/imageproc/processors/luminance.h"

namespace stockroom::imageproc {
namespace {

constexpr int kTiles = 8;          // each way
constexpr int kLeastTile = 8;      // pixels a side; small pictures have fewer tiles
constexpr double kSharpest = 1e4;  // a variance that scores 100

// The variance of the discrete Laplacian (Pech-Pacheco and others, 2000) over the pixels of one
// tile that have four neighbours; 0 if there are none.
double LaplacianVariance(const std::vector<float>& plane, int width, int height, int tile_x,
                         int tile_y, int across, int down) {
  const int left = std::max(1, width * tile_x / across);
  const int right = std::min(width - 1, width * (tile_x + 1) / across);
  const int top = std::max(1, height * tile_y / down);
  const int bottom = std::min(height - 1, height * (tile_y + 1) / down);
  double sum = 0;
  double squares = 0;
  for (int y = top; y < bottom; ++y) {
    const float* row = &plane[static_cast<size_t>(y) * static_cast<size_t>(width)];
    for (int x = left; x < right; ++x) {
      const double value = row[x - 1] + row[x + 1] + row[x - width] + row[x + width] - 4 * row[x];
      sum += value;
      squares += value * value;
    }
  }
  const double count = std::max(0, right - left) * static_cast<double>(std::max(0, bottom - top));
  if (count == 0) return 0;
  return std::max(0.0, squares / count - sum / count * (sum / count));
}

}  // namespace

absl::StatusOr<nlohmann::json> MeasureSharpness(const AnalysisInput& input) {
  const Pixels& pixels = input.large;
  const std::vector<float> plane = Luminance(pixels);
  const int across = std::clamp(pixels.width / kLeastTile, 1, kTiles);
  const int down = std::clamp(pixels.height / kLeastTile, 1, kTiles);
  std::vector<double> variances;
  for (int y = 0; y < down; ++y) {
    for (int x = 0; x < across; ++x) {
      variances.push_back(
          LaplacianVariance(plane, pixels.width, pixels.height, x, y, across, down));
    }
  }
  // A sharp face before a soft background is a sharp picture.
  std::sort(variances.begin(), variances.end(), std::greater<>());
  variances.resize((variances.size() + 3) / 4);
  double mean = 0;
  for (const double variance : variances) mean += variance / static_cast<double>(variances.size());
  const double score = 100 * std::log1p(mean) / std::log1p(kSharpest);
  return nlohmann::json{{"score", std::round(std::min(score, 100.0) * 10) / 10},
                        {"method", "laplacian-variance"}};
}

}  // namespace stockroom::imageproc
