#include "services/api/search/exec/matches.h"

#include <algorithm>

namespace stockroom::api {

Matches::Matches(const Snapshot& snapshot) {
  for (const SegmentState& state : snapshot.segments) {
    chunks_.emplace_back(state.segment->chunks());
  }
}

void Matches::Put(uint32_t segment, uint32_t chunk, const ChunkSet& set) {
  Chunk& into = chunks_[segment][chunk];
  into.count = set.Count();
  if (set.is_list()) {
    into.list.assign(set.list(), set.list() + set.listed());
  } else {
    into.bits = std::make_unique<ChunkBitmap>();
    std::copy(set.bits(), set.bits() + kChunkWords, into.bits->begin());
  }
}

uint64_t Matches::count(uint32_t segment) const {
  uint64_t sum = 0;
  for (const Chunk& chunk : chunks_[segment]) sum += chunk.count;
  return sum;
}

uint64_t Matches::count() const {
  uint64_t sum = 0;
  for (uint32_t segment = 0; segment < segments(); ++segment) sum += count(segment);
  return sum;
}

void Matches::View(uint32_t segment, uint32_t chunk, ChunkSet& set) const {
  const Chunk& from = chunks_[segment][chunk];
  if (from.bits != nullptr) {
    set.View(from.bits->data());
  } else {
    set.View(from.list.data(), static_cast<uint32_t>(from.list.size()));
  }
}

}  // namespace stockroom::api
