#include <algorithm>
#include <utility>

#include "services/imageproc/processors/builtin.h"
#include "services/imageproc/processors/luminance.h"
#include "services/imageproc/processors/pdq_hash.h"

namespace stockroom::imageproc {
namespace {

constexpr int kWorkingSide = 512;

// Between two neighbours.
struct Tap {
  size_t first = 0;
  size_t second = 0;
  float share = 0;  // of the second
};

// For each of 512 positions. The published program takes the nearest pixel to the left, or above:
// half a position before the one in the middle. Following it in that saves several bits.
std::vector<Tap> Taps(int side) {
  std::vector<Tap> taps;
  for (int i = 0; i < kWorkingSide; ++i) {
    const double at = static_cast<double>(i) * side / kWorkingSide - 0.5;
    const double inside = std::clamp(at, 0.0, side - 1.0);
    const auto first = static_cast<size_t>(inside);
    const size_t second = std::min(first + 1, static_cast<size_t>(side - 1));
    taps.push_back({first, second, static_cast<float>(inside - static_cast<double>(first))});
  }
  return taps;
}

// 512 x 512, ratio not kept.
std::vector<float> Stretched(const std::vector<float>& plane, int width, int height) {
  const std::vector<Tap> across = Taps(width);
  std::vector<float> stretched;
  stretched.reserve(across.size() * across.size());
  for (const Tap& row : Taps(height)) {
    const float* above = &plane[row.first * static_cast<size_t>(width)];
    const float* below = &plane[row.second * static_cast<size_t>(width)];
    for (const Tap& tap : across) {
      const float top = above[tap.first] + (above[tap.second] - above[tap.first]) * tap.share;
      const float bottom = below[tap.first] + (below[tap.second] - below[tap.first]) * tap.share;
      stretched.push_back(top + (bottom - top) * row.share);
    }
  }
  return stretched;
}

}  // namespace

absl::StatusOr<nlohmann::json> MakePdq(const AnalysisInput& input) {
  const Pixels& pixels = input.large;
  std::vector<float> luminance = Luminance(pixels);
  // The published program hashes smaller pictures as they are, and shrinks others to a square.
  const bool large = std::max(input.facts.width, input.facts.height) > kWorkingSide;
  const PdqWithQuality pdq =
      large ? HashPdq(Stretched(luminance, pixels.width, pixels.height), kWorkingSide, kWorkingSide)
            : HashPdq(std::move(luminance), pixels.width, pixels.height);
  return nlohmann::json{{"hash", pdq.hash.hex()}, {"quality", pdq.quality}};
}

}  // namespace stockroom::imageproc
