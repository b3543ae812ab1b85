#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>

#include "absl/strings/str_format.h"
#include "services/imageproc/processors/builtin.h"

namespace stockroom::imageproc {
namespace {

constexpr size_t kMaxColors = 6;
constexpr int kRounds = 8;
// Squared distance in OKLab below which two colours look alike to most people.
constexpr double kAlike = 0.04 * 0.04;
// Colours that cover less than this are noise.
constexpr double kLeastWeight = 0.01;
constexpr int kOpaque = 128;

using Vec = std::array<double, 3>;

struct Cluster {
  Vec lab{};     // OKLab
  Vec linear{};  // linear light, to show it
  double weight = 0;
};

double ToLinear(uint8_t byte) {
  const double v = byte / 255.0;
  return v <= 0.04045 ? v / 12.92 : std::pow((v + 0.055) / 1.055, 2.4);
}

int ToSrgbByte(double linear) {
  const double v = std::clamp(linear, 0.0, 1.0);
  return static_cast<int>(
      std::lround((v <= 0.0031308 ? v * 12.92 : 1.055 * std::pow(v, 1 / 2.4) - 0.055) * 255));
}

// bottosson.github.io/posts/oklab: equal distances look about equally different.
Vec ToOklab(const Vec& rgb) {
  const double l = std::cbrt(0.4122214708 * rgb[0] + 0.5363325363 * rgb[1] + 0.0514459929 * rgb[2]);
  const double m = std::cbrt(0.2119034982 * rgb[0] + 0.6806995451 * rgb[1] + 0.1073969566 * rgb[2]);
  const double s = std::cbrt(0.0883024619 * rgb[0] + 0.2817188376 * rgb[1] + 0.6299787005 * rgb[2]);
  return {0.2104542553 * l + 0.7936177850 * m - 0.0040720468 * s,
          1.9779984951 * l - 2.4285922050 * m + 0.4505937099 * s,
          0.0259040371 * l + 0.7827717662 * m - 0.8086757660 * s};
}

double Distance(const Vec& a, const Vec& b) {
  double sum = 0;
  for (size_t i = 0; i < 3; ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return sum;
}

void Absorb(Cluster& into, const Cluster& other) {
  const double total = into.weight + other.weight;
  for (size_t i = 0; i < 3; ++i) {
    into.lab[i] = (into.lab[i] * into.weight + other.lab[i] * other.weight) / total;
    into.linear[i] = (into.linear[i] * into.weight + other.linear[i] * other.weight) / total;
  }
  into.weight = total;
}

// Visible pixels in boxes of 8 levels a channel; weights add up to 1. Empty if nothing is visible.
std::vector<Cluster> Histogram(const Pixels& pixels) {
  std::array<double, 256> linear_of;
  for (int i = 0; i < 256; ++i)
    linear_of[static_cast<size_t>(i)] = ToLinear(static_cast<uint8_t>(i));
  std::map<uint32_t, Cluster> boxes;
  double visible = 0;
  for (size_t i = 0; i + 3 < pixels.rgba.size(); i += 4) {
    const uint8_t* rgba = &pixels.rgba[i];
    if (rgba[3] < kOpaque) continue;
    Cluster& box =
        boxes[static_cast<uint32_t>(rgba[0] >> 3 << 10 | rgba[1] >> 3 << 5 | rgba[2] >> 3)];
    for (size_t c = 0; c < 3; ++c) box.linear[c] += linear_of[rgba[c]];
    box.weight += 1;
    visible += 1;
  }
  std::vector<Cluster> clusters;
  for (auto& [key, box] : boxes) {
    for (double& channel : box.linear) channel /= box.weight;
    box.lab = ToOklab(box.linear);
    box.weight /= visible;
    clusters.push_back(box);
  }
  return clusters;
}

// The heaviest box, then again and again the one that is heavy and far from those chosen: good
// starts without any randomness.
std::vector<Cluster> Seeds(const std::vector<Cluster>& boxes) {
  std::vector<Cluster> seeds;
  std::vector<double> nearest(boxes.size(), 1);
  while (seeds.size() < kMaxColors && seeds.size() < boxes.size()) {
    size_t best = 0;
    for (size_t i = 1; i < boxes.size(); ++i) {
      if (boxes[i].weight * nearest[i] > boxes[best].weight * nearest[best]) best = i;
    }
    if (nearest[best] == 0) break;
    seeds.push_back(boxes[best]);
    for (size_t i = 0; i < boxes.size(); ++i) {
      nearest[i] = std::min(nearest[i], Distance(boxes[i].lab, boxes[best].lab));
    }
  }
  return seeds;
}

size_t Nearest(const std::vector<Cluster>& clusters, const Vec& lab) {
  size_t best = 0;
  double least = std::numeric_limits<double>::max();
  for (size_t i = 0; i < clusters.size(); ++i) {
    const double distance = Distance(clusters[i].lab, lab);
    if (distance < least) {
      least = distance;
      best = i;
    }
  }
  return best;
}

std::vector<Cluster> KMeans(const std::vector<Cluster>& boxes) {
  std::vector<Cluster> clusters = Seeds(boxes);
  for (int round = 0; round < kRounds; ++round) {
    std::vector<Cluster> next(clusters.size());
    for (const Cluster& box : boxes) Absorb(next[Nearest(clusters, box.lab)], box);
    std::erase_if(next, [](const Cluster& c) { return c.weight == 0; });
    clusters = std::move(next);
  }
  return clusters;
}

std::vector<Cluster> MergeAlike(std::vector<Cluster> clusters) {
  const auto heavier = [](const Cluster& a, const Cluster& b) { return a.weight > b.weight; };
  std::stable_sort(clusters.begin(), clusters.end(), heavier);
  std::vector<Cluster> merged;
  for (const Cluster& cluster : clusters) {
    const size_t nearest = Nearest(merged, cluster.lab);
    if (!merged.empty() && Distance(merged[nearest].lab, cluster.lab) < kAlike) {
      Absorb(merged[nearest], cluster);
    } else {
      merged.push_back(cluster);
    }
  }
  std::stable_sort(merged.begin(), merged.end(), heavier);
  return merged;
}

}  // namespace

absl::StatusOr<nlohmann::json> FindPalette(const AnalysisInput& input) {
  nlohmann::json colors = nlohmann::json::array();
  const std::vector<Cluster> boxes = Histogram(input.small);
  for (const Cluster& cluster : MergeAlike(KMeans(boxes))) {
    if (cluster.weight < kLeastWeight && !colors.empty()) break;
    colors.push_back(
        {{"hex", absl::StrFormat("#%02x%02x%02x", ToSrgbByte(cluster.linear[0]),
                                 ToSrgbByte(cluster.linear[1]), ToSrgbByte(cluster.linear[2]))},
         {"weight", std::round(cluster.weight * 1000) / 1000}});
  }
  return nlohmann::json{{"colors", std::move(colors)}};
}

}  // namespace stockroom::imageproc
