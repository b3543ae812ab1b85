#include "services/api/search/index_state.h"

#include <algorithm>
#include <utility>

namespace stockroom::api {

void Tombstones::Add(const std::string& id) {
  if (!ids_.insert(id).second) return;
  in_order_.push_back(id);
  if (in_order_.size() <= most_) return;
  ids_.erase(in_order_.front());
  in_order_.pop_front();
}

SegmentState StateOf(std::shared_ptr<const Segment> segment, DocBits live) {
  const uint32_t docs = segment->docs();
  SegmentState state{.segment = segment,
                     .live = std::move(live),
                     .ready = DocBits(docs),
                     .open = DocBits(docs),
                     .loose = std::make_shared<LooseColumns>(docs)};
  for (Doc doc = 0; doc < docs; ++doc) {
    if (segment->state(doc) != ImageState::kReady || !state.live.Test(doc)) continue;
    state.ready.Set(doc);
    if (segment->seen_by_all(doc)) state.open.Set(doc);
  }
  return state;
}

bool Has(const Segment& segment, Doc doc, HasField field) {
  return (segment.flags(doc) >> static_cast<unsigned>(field) & 1) != 0;
}

std::optional<PdqWords> PdqOf(const Segment& segment, Doc doc) {
  if (!Has(segment, doc, HasField::kHash)) return std::nullopt;
  PdqWords hash{};
  for (size_t w = 0; w < hash.size(); ++w) hash[w] = segment.pdq().words[w][doc];
  return hash;
}

std::shared_ptr<Snapshot> IndexState::Copy() const {
  return std::make_shared<Snapshot>(*cell.Load());
}

void IndexState::Publish(std::shared_ptr<Snapshot> next) {
  // What has nobody left goes at once, but what is being merged: its end looks for it here.
  std::erase_if(next->segments, [&](const SegmentState& state) SR_NO_THREAD_SAFETY_ANALYSIS {
    if (state.live.count() > 0 || busy.contains(state.segment.get())) return false;
    unclustered.erase(state.segment.get());
    metrics.rebuilds.Add();
    return true;
  });
  next->live = 0;
  next->ready = 0;
  for (const SegmentState& state : next->segments) {
    next->live += state.live.count();
    next->ready += state.ready.count();
  }
  next->documents = documents->files();
  ++next->version;
  metrics.images.Set(next->ready);
  metrics.indexed.Set(next->live);
  metrics.segments.Set(static_cast<int64_t>(next->segments.size()));
  cell.Store(std::move(next));
}

uint64_t IndexState::BytesOf(const Snapshot& snapshot) {
  uint64_t bytes = 0;
  for (const SegmentState& state : snapshot.segments) {
    bytes += state.segment->bytes().size() + BytesBesideOf(state).all();
  }
  return bytes;
}

BytesBeside IndexState::BytesBesideOf(const SegmentState& state) {
  const LooseColumns& loose = *state.loose;
  BytesBeside bytes{.live = loose.popularity.bytes(),
                    .tags = loose.hints.bytes(),
                    .clusters = loose.cluster.size() * uint64_t{sizeof(uint32_t)}};
  for (const DocBits* bits : {&state.live, &state.ready, &state.open}) {
    for (uint32_t chunk = 0; chunk < bits->chunks(); ++chunk) {
      if (bits->chunk(chunk) != nullptr) bytes.live += sizeof(ChunkBitmap);
    }
  }
  return bytes;
}

}  // namespace stockroom::api
