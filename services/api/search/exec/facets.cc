#include "services/api/search/exec/facets.h"

#include <algorithm>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "services/api/search/exec/facet_values.h"
#include "services/api/search/exec/set_kernels.h"
#include "services/api/search/exec/turns.h"
#include "services/api/search/similar/color.h"

namespace stockroom::api {
namespace {

// Sums by value over the segments.
class Sums {
 public:
  void Add(std::string_view value, int64_t count) {
    if (count > 0 && !value.empty()) counts_[std::string(value)] += count;
  }
  Facet Top() const {
    Facet facet;
    for (const auto& [value, count] : counts_) facet.push_back({value, count});
    const size_t kept = std::min(facet.size(), kMostFacetValues);
    std::partial_sort(facet.begin(), facet.begin() + static_cast<std::ptrdiff_t>(kept), facet.end(),
                      [](const FacetValue& a, const FacetValue& b) {
                        return a.count != b.count ? a.count > b.count : a.value < b.value;
                      });
    facet.resize(kept);
    return facet;
  }

 private:
  absl::flat_hash_map<std::string, int64_t> counts_;
};

// Calls `count(Segment, counts)` for each segment that has matches, with as many zeros as `sizes`
// says, and adds what it counted by `name(Segment, number)`.
template <typename Size, typename Count, typename Name>
Facet CountBy(const Snapshot& snapshot, const Matches& matches, Size size, Count count, Name name) {
  Sums sums;
  for (uint32_t s = 0; s < matches.segments(); ++s) {
    if (matches.count(s) == 0) continue;
    const Segment& segment = *snapshot.segments[s].segment;
    std::vector<uint32_t> counts(size(segment));
    count(segment, s, counts);
    for (uint32_t i = 0; i < counts.size(); ++i) {
      if (counts[i] != 0) sums.Add(name(segment, i), counts[i]);
    }
  }
  return sums.Top();
}

// By a column of one byte a document.
void CountBytes(const Matches& matches, uint32_t s, const uint8_t* column, uint32_t docs,
                Turns& turns) {
  // What was picked stays in the nearest cache.
  constexpr uint32_t kAtOnce = 4096;
  uint8_t picked[kAtOnce + 64];
  for (uint32_t chunk = 0; chunk < matches.chunks(s); ++chunk) {
    if (matches.count(s, chunk) == 0) continue;
    ChunkSet set;
    matches.View(s, chunk, set);
    const uint8_t* values = column + size_t{chunk} * kChunkDocs;
    if (set.is_list()) {
      uint32_t turn = 0;
      set.ForEach([&](uint16_t low) { ++turns[values[low]][turn++ % kTurns]; });
      continue;
    }
    const uint32_t end = std::min(kChunkDocs, docs - chunk * kChunkDocs);
    for (uint32_t begin = 0; begin < end; begin += kAtOnce) {
      const uint32_t count = Kernels().PickBytes(set.bits() + begin / 64, values + begin,
                                                 std::min(kAtOnce, end - begin), picked);
      CountEach(picked, count, turns);
    }
  }
}

Facet CountOrdinal(const Snapshot& snapshot, const Matches& matches, Ordinal field) {
  return CountBy(
      snapshot, matches,
      [field](const Segment& segment) { return segment.ordinals(field).values(); },
      [&](const Segment& segment, uint32_t s, std::vector<uint32_t>& counts) {
        const OrdinalColumn& column = segment.ordinals(field);
        Turns turns(counts.size());
        const auto count = [&]<typename Number>(const Number* ords) {
          uint32_t turn = 0;
          matches.ForEach(s, [&](Doc doc) { ++turns[ords[doc]][turn++ % kTurns]; });
        };
        // Width 0: none has a value.
        if (column.width() == 1) CountBytes(matches, s, column.data(), segment.docs(), turns);
        if (column.width() == 2) count(reinterpret_cast<const uint16_t*>(column.data()));
        if (column.width() == 4) count(reinterpret_cast<const uint32_t*>(column.data()));
        for (size_t i = 0; i < counts.size(); ++i) counts[i] = SumOf(turns[i]);
      },
      [field](const Segment& segment, uint32_t ord) { return segment.ordinals(field).value(ord); });
}

Facet CountYears(const Snapshot& snapshot, const Matches& matches) {
  constexpr size_t kYears = 10000;
  return CountBy(
      snapshot, matches, [](const Segment&) { return kYears; },
      [&](const Segment& segment, uint32_t s, std::vector<uint32_t>& counts) {
        const NumberColumn& date = segment.numbers(Number::kDate);
        matches.ForEach(s, [&](Doc doc) {
          const auto year = static_cast<uint64_t>(date.At(doc) / 10000);
          if (year < kYears) ++counts[year];
        });
      },
      [](const Segment&, uint32_t year) { return std::to_string(year); });
}

// Values that a document may have several of, as bits.
template <typename BitsOf, typename Name>
Facet CountBits(const Snapshot& snapshot, const Matches& matches, BitsOf bits_of, Name name) {
  constexpr size_t kBits = 16;
  return CountBy(
      snapshot, matches, [](const Segment&) { return kBits; },
      [&](const Segment& segment, uint32_t s, std::vector<uint32_t>& counts) {
        matches.ForEach(s, [&](Doc doc) {
          const uint32_t bits = bits_of(segment, doc);
          for (size_t i = 0; i < kBits; ++i) counts[i] += bits >> i & 1;
        });
      },
      [&](const Segment&, uint32_t bit) { return name(bit); });
}

uint32_t OrientationBitsOf(const Segment& segment, Doc doc) {
  return OrientationsOf(segment.numbers(Number::kWidth).At(doc),
                        segment.numbers(Number::kHeight).At(doc));
}

uint32_t ColorBitsOf(const Segment& segment, Doc doc) {
  const bool has = (segment.flags(doc) >> static_cast<int>(HasField::kPalette) & 1) != 0;
  return has && segment.looks() != nullptr ? ColorsOf(segment.looks()[doc]) : 0u;
}

uint32_t StateBitsOf(const Segment& segment, Doc doc) {
  return 1u << static_cast<uint32_t>(segment.state(doc));
}

Facet Count(const Snapshot& snapshot, const Matches& matches, FacetField field) {
  switch (field) {
    case FacetField::kTag:
      return CountTags(snapshot, matches);
    case FacetField::kFormat:
      return CountOrdinal(snapshot, matches, Ordinal::kFormat);
    case FacetField::kLicense:
      return CountOrdinal(snapshot, matches, Ordinal::kLicense);
    case FacetField::kYear:
      return CountYears(snapshot, matches);
    case FacetField::kOrientation:
      return CountBits(snapshot, matches, OrientationBitsOf,
                       [](uint32_t bit) { return OrientationName(static_cast<Orientation>(bit)); });
    case FacetField::kCamera:
      return CountOrdinal(snapshot, matches, Ordinal::kCamera);
    case FacetField::kLens:
      return CountOrdinal(snapshot, matches, Ordinal::kLens);
    case FacetField::kColor:
      return CountBits(snapshot, matches, ColorBitsOf,
                       [](uint32_t bit) { return ColorNames()[bit]; });
    case FacetField::kDataset:
      return CountOrdinal(snapshot, matches, Ordinal::kDataset);
    case FacetField::kOwner:
      return CountOrdinal(snapshot, matches, Ordinal::kOwner);
    case FacetField::kState:
      return CountBits(snapshot, matches, StateBitsOf,
                       [](uint32_t bit) { return StateName(static_cast<ImageState>(bit)); });
  }
  return {};
}

}  // namespace

std::vector<Facet> CountFacets(const Snapshot& snapshot, const Matches& matches,
                               const std::vector<FacetField>& fields) {
  std::vector<Facet> facets;
  for (const FacetField field : fields) facets.push_back(Count(snapshot, matches, field));
  return facets;
}

}  // namespace stockroom::api
