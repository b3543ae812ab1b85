#include "services/api/search/exec/collapse.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "services/api/search/exec/order.h"
#include "services/api/search/similar/clusters.h"
#include "services/api/search/similar/pdq_scan.h"

namespace stockroom::api {
namespace {

struct Candidate {
  Snapshot::Place place;
  int64_t pixels = 0;
  int64_t bytes = 0;
  int64_t created_us = 0;
};

struct Member {
  uint32_t cluster = 0;
  Snapshot::Place place;
};

Candidate CandidateOf(const Snapshot& snapshot, Snapshot::Place place) {
  const Segment& segment = *snapshot.segments[place.segment].segment;
  const auto number = [&](Number column) { return segment.numbers(column).At(place.doc); };
  return {.place = place,
          .pixels = number(Number::kWidth) * number(Number::kHeight),
          .bytes = number(Number::kBytes),
          .created_us = number(Number::kCreatedUs)};
}

bool IsBetter(const Snapshot& snapshot, const Candidate& a, const Candidate& b) {
  if (a.pixels != b.pixels) return a.pixels > b.pixels;
  if (a.bytes != b.bytes) return a.bytes > b.bytes;
  return ComesBefore(snapshot, {0, a.created_us, a.place}, {0, b.created_us, b.place});
}

uint64_t KeyOf(Snapshot::Place place) { return uint64_t{place.segment} << 32 | place.doc; }

bool AreNear(const Snapshot& snapshot, Snapshot::Place a, Snapshot::Place b) {
  const auto of_a = HashOf(*snapshot.segments[a.segment].segment, a.doc);
  const auto of_b = HashOf(*snapshot.segments[b.segment].segment, b.doc);
  return of_a && of_b && PdqDistance(*of_a, *of_b) <= kNearDuplicate;
}

}  // namespace

struct Collapsed::State {
  explicit State(const Snapshot& snapshot) : shown(snapshot) {}

  Matches shown;
  absl::flat_hash_map<uint64_t, uint32_t> behind;  // by place
};

Collapsed::Collapsed(const Snapshot& snapshot, const Matches& matches)
    : state_(std::make_unique<State>(snapshot)) {
  std::vector<Member> members;
  absl::flat_hash_map<uint32_t, Candidate> best;  // by cluster
  for (uint32_t s = 0; s < matches.segments(); ++s) {
    const LooseColumns& loose = *snapshot.segments[s].loose;
    matches.ForEach(s, [&](Doc doc) {
      const uint32_t cluster = loose.cluster[doc].load(std::memory_order_relaxed);
      if (cluster == 0) return;
      members.push_back({cluster, {s, doc}});
      const Candidate candidate = CandidateOf(snapshot, {s, doc});
      const auto [it, is_first] = best.try_emplace(cluster, candidate);
      if (!is_first && IsBetter(snapshot, candidate, it->second)) it->second = candidate;
    });
  }
  std::vector<uint64_t> hidden;  // places, ascending as the members are
  for (const auto& [cluster, place] : members) {
    const uint64_t best_key = KeyOf(best.at(cluster).place);
    // A cluster may have been founded by an image that the viewer may not find: it alone must not
    // bring others together.
    if (KeyOf(place) == best_key || !AreNear(snapshot, place, best.at(cluster).place)) continue;
    hidden.push_back(KeyOf(place));
    ++state_->behind[best_key];
  }
  auto next = hidden.begin();
  for (uint32_t s = 0; s < matches.segments(); ++s) {
    for (uint32_t chunk = 0; chunk < matches.chunks(s); ++chunk) {
      if (matches.count(s, chunk) == 0) continue;
      std::vector<uint16_t> lows;
      for (const uint64_t end = KeyOf({s, chunk * kChunkDocs}) + kChunkDocs;
           next != hidden.end() && *next < end; ++next) {
        lows.push_back(static_cast<uint16_t>(*next % kChunkDocs));
      }
      ChunkSet set;
      matches.View(s, chunk, set);
      ChunkSet dropped;
      dropped.View(lows.data(), static_cast<uint32_t>(lows.size()));
      set.Drop(dropped);
      state_->shown.Put(s, chunk, set);
    }
  }
}

Collapsed::~Collapsed() = default;

const Matches& Collapsed::shown() const { return state_->shown; }

uint32_t Collapsed::CountBehind(Snapshot::Place place) const {
  const auto it = state_->behind.find(KeyOf(place));
  return it == state_->behind.end() ? 0 : it->second;
}

}  // namespace stockroom::api
