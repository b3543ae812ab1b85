#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>

#include "services/api/search/exec/plan_parts.h"
#include "services/api/search/similar/color.h"
#include "services/api/search/similar/pdq_scan.h"

namespace stockroom::api {
namespace {

using Cost = PlanNode::Cost;

constexpr double kEarthRadiusKm = 6371.0088;
constexpr double kRadians = std::numbers::pi / 180;
// Comparing so many hashes one by one costs as much as scanning the chunk.
constexpr uint32_t kCompareSingly = 8192;

bool HasFlag(const Segment& segment, Doc doc, HasField field) {
  return (segment.flags(doc) >> static_cast<int>(field) & 1) != 0;
}

// Haversine formula.
double DistanceKm(double latitude1, double longitude1, double latitude2, double longitude2) {
  const double phi1 = latitude1 * kRadians;
  const double phi2 = latitude2 * kRadians;
  const double half_phi = std::sin((phi2 - phi1) / 2);
  const double half_lambda = std::sin((longitude2 - longitude1) * kRadians / 2);
  const double h =
      half_phi * half_phi + std::cos(phi1) * std::cos(phi2) * half_lambda * half_lambda;
  return 2 * kEarthRadiusKm * std::asin(std::sqrt(std::min(1.0, h)));
}

class NearPlan final : public PlanNode {
 public:
  NearPlan(const Segment& segment, const NearNode& node)
      : PlanNode(Cost::kColumn, static_cast<double>(segment.locations().points.size()) / 10),
        locations_(segment.locations()),
        near_(node),
        // Degrees of latitude that the distance spans at most, and a little more.
        span_(node.km / kEarthRadiusKm / kRadians + 1e-6) {}

 private:
  void KeepIn(uint32_t chunk, ChunkSet& set) override {
    const auto [begin, end] = locations_.RangeOf(chunk);
    const uint16_t* const lows = locations_.lows.data();
    if (set.is_list()) {
      set.Filter([&, at = begin, end = end](uint16_t low) mutable {
        at = LowerBound(lows, at, end, low);
        return at < end && lows[at] == low && IsNear(locations_.points[at]);
      });
      return;
    }
    alignas(64) uint64_t near[kChunkWords];
    std::memset(near, 0, sizeof(near));
    for (uint32_t i = begin; i < end; ++i) {
      if (TestBit(set.bits(), lows[i]) && IsNear(locations_.points[i])) SetBit(near, lows[i]);
    }
    set.Keep(near);
  }

  bool IsNear(const GeoPoint& point) const {
    const double latitude = point.latitude_e7 / 1e7;
    if (std::abs(latitude - near_.latitude) > span_) return false;
    return DistanceKm(near_.latitude, near_.longitude, latitude, point.longitude_e7 / 1e7) <=
           near_.km;
  }

  const GeoColumn locations_;
  const NearNode near_;
  const double span_;
};

class HashPlan final : public PlanNode {
 public:
  HashPlan(const Segment& segment, const PdqWords& target, int radius)
      : PlanNode(Cost::kHash, 100), segment_(segment), target_(target), radius_(radius) {}

 private:
  void KeepIn(uint32_t chunk, ChunkSet& set) override {
    const Doc base = chunk * kChunkDocs;
    const PdqColumn column = segment_.pdq();
    if (column.words[0] == nullptr) {
      set.Clear();
    } else if (set.Count() < kCompareSingly) {
      set.Filter([&](uint16_t low) {
        const Doc doc = base + low;
        const PdqWords hash = {column.words[0][doc], column.words[1][doc], column.words[2][doc],
                               column.words[3][doc]};
        return HasFlag(segment_, doc, HasField::kHash) && PdqDistance(hash, target_) <= radius_;
      });
    } else {
      alignas(64) uint64_t near[kChunkWords];
      std::memset(near, 0, sizeof(near));
      ScanPdq(column, base, std::min(segment_.docs(), base + kChunkDocs), target_, radius_,
              [&](Doc doc, int) {
                if (HasFlag(segment_, doc, HasField::kHash)) {
                  SetBit(near, static_cast<uint16_t>(doc - base));
                }
              });
      set.Keep(near);
    }
  }

  const Segment& segment_;
  const PdqWords target_;
  const int radius_;
};

}  // namespace

bool LeafPlanner::operator()(const NearNode& node) {
  if (segment().locations().points.empty()) return false;
  parts.push_back(std::make_unique<NearPlan>(segment(), node));
  return true;
}

bool LeafPlanner::operator()(const ColorNode& node) {
  if (segment().looks() == nullptr) return false;
  AddTest(*this, Cost::kPalette, 0.2, [&in = segment(), color = LabOf(node.rgb)](Doc doc) {
    return HasFlag(in, doc, HasField::kPalette) && HasColor(in.looks()[doc], color);
  });
  return true;
}

bool LeafPlanner::operator()(const HashNode& node) {
  parts.push_back(std::make_unique<HashPlan>(segment(), node.hash, node.radius));
  return true;
}

bool LeafPlanner::operator()(const SimilarNode& node) {
  const std::optional<PdqWords> target = context.HashOf(node.id);
  if (!target) return false;
  parts.push_back(std::make_unique<HashPlan>(segment(), *target, node.radius));
  return true;
}

}  // namespace stockroom::api
