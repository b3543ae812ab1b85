#include "services/api/search/known.h"

#include <algorithm>
#include <string>

#include "services/api/search/index_state.h"

namespace stockroom::api {
namespace {

std::optional<GeoPoint> LocationOf(const Segment& segment, Doc doc) {
  if (!Has(segment, doc, HasField::kLocation)) return std::nullopt;
  const GeoColumn places = segment.locations();
  const auto [begin, end] = places.RangeOf(doc / kChunkDocs);
  const auto first = places.lows.begin();
  const auto found = std::lower_bound(first + begin, first + end, doc % kChunkDocs);
  return places.points[static_cast<size_t>(found - first)];
}

}  // namespace

std::optional<Known> KnownOf(const Image& image, const Snapshot& snapshot, Snapshot::Place place) {
  const Segment& segment = *snapshot.segments[place.segment].segment;
  const Doc doc = place.doc;
  if (!Has(segment, doc, HasField::kPalette) || !Has(segment, doc, HasField::kHash)) {
    return std::nullopt;
  }
  const DocumentView there = snapshot.Read(place);
  if (!HasAnalysisOf(image, there.image)) return std::nullopt;
  return Known{.facts = {.camera = std::string(segment.ordinals(Ordinal::kCamera).ValueAt(doc)),
                         .lens = std::string(segment.ordinals(Ordinal::kLens).ValueAt(doc)),
                         .location = LocationOf(segment, doc),
                         .pdq = PdqOf(segment, doc),
                         .looks = segment.looks()[doc]},
               .wire_rest = there.wire_full.substr(there.wire_basic.size())};
}

}  // namespace stockroom::api
