#include "services/api/search/near_duplicates.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_map.h"

namespace stockroom::api {

bool NearDuplicates::Alone::operator()(Doc doc) const {
  return state.live.Test(doc) && Has(*state.segment, doc, HasField::kHash) &&
         state.loose->cluster[doc] == 0 && !waiting.Test(doc);
}

NearDuplicates::Round NearDuplicates::Begin() {
  Round round;
  MutexLock lock(state_.mu);
  round.snapshot = state_.cell.Load();
  for (uint32_t s = 0; s < round.snapshot->segments.size(); ++s) {
    const SegmentState& segment = round.snapshot->segments[s];
    Alone& alone = round.alone.emplace_back(Alone{segment, DocBits(segment.segment->docs())});
    const auto it = state_.unclustered.find(segment.segment.get());
    if (it == state_.unclustered.end()) continue;
    std::vector<Doc>& docs = it->second;
    for (const Doc doc : docs) alone.waiting.Set(doc);
    while (!docs.empty() && round.fresh.size() < kAtOnce) {
      if (segment.live.Test(docs.back())) round.fresh.push_back({s, docs.back()});
      docs.pop_back();
    }
    if (docs.empty()) state_.unclustered.erase(it);
  }
  int64_t waiting = 0;
  for (const auto& [segment, docs] : state_.unclustered) {
    waiting += static_cast<int64_t>(docs.size());
  }
  state_.metrics.unclustered.Set(waiting + static_cast<int64_t>(round.fresh.size()));
  round.left.swap(state_.left_clusters);
  return round;
}

bool NearDuplicates::Step(absl::FunctionRef<bool()> stopped) {
  MutexLock one_at_a_time(mu_);
  const Round round = Begin();
  for (const uint32_t cluster : round.left) clusters_.Remove(cluster);
  if (round.fresh.empty()) return false;
  const Snapshot& then = *round.snapshot;
  std::vector<Clusters::Fresh> fresh;
  for (const Fresh& one : round.fresh) {
    fresh.push_back({.hash = *PdqOf(*then.segments[one.segment].segment, one.doc)});
  }
  std::vector<Clusters::Column> columns;
  for (const Alone& alone : round.alone) {
    const Segment& segment = *alone.state.segment;
    columns.push_back({.pdq = segment.pdq(), .docs = segment.docs(), .is_alone = alone});
  }
  std::vector<Clusters::Founder> founders;
  clusters_.Add(fresh, columns, founders, stopped);

  std::vector<Numbered> numbers;
  for (const Clusters::Founder& founder : founders) {
    numbers.push_back({{founder.column, founder.doc}, founder.cluster});
  }
  for (size_t i = 0; i < fresh.size(); ++i) {
    if (fresh[i].cluster == 0) continue;
    numbers.push_back({{round.fresh[i].segment, round.fresh[i].doc}, fresh[i].cluster});
  }
  for (size_t begin = 0; begin < numbers.size(); begin += kWrittenAtOnce) {
    Write(then,
          std::span(numbers).subspan(begin, std::min(kWrittenAtOnce, numbers.size() - begin)));
  }
  state_.metrics.unclustered.Add(-static_cast<int64_t>(fresh.size()));
  bytes_ = clusters_.bytes();
  state_.metrics.clusters.Set(static_cast<int64_t>(clusters_.size()));
  return true;
}

void NearDuplicates::Write(const Snapshot& then, std::span<const Numbered> numbers) {
  // Not while a snapshot is made: what replaces a document takes its number along.
  MutexLock lock(state_.mu);
  const std::shared_ptr<const Snapshot> now = state_.cell.Load();
  absl::flat_hash_map<const Segment*, const SegmentState*> still;
  for (const SegmentState& state : now->segments) still[state.segment.get()] = &state;
  for (const auto& [place, cluster] : numbers) {
    const Segment& segment = *then.segments[place.segment].segment;
    const SegmentState* state = nullptr;
    Doc doc = place.doc;
    if (const auto it = still.find(&segment); it != still.end()) {
      if (it->second->live.Test(doc)) state = it->second;
    } else if (const auto there = now->Find(segment.id(doc))) {
      const SegmentState& other = now->segments[there->segment];
      // A document of another hash waits for a round of its own.
      if (PdqOf(*other.segment, there->doc) == PdqOf(segment, doc)) {
        state = &other;
        doc = there->doc;
      }
    }
    if (state != nullptr) {
      state->loose->cluster[doc] = cluster;
      state_.Touch(state->segment.get(), doc);
    } else {
      clusters_.Remove(cluster);
    }
  }
}

}  // namespace stockroom::api
