// Everything that a query matched, for what needs all of it: facets and collapsing. For one search.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "services/api/search/exec/chunk_set.h"
#include "services/api/search/exec/snapshot.h"

namespace stockroom::api {

// At most 8 KiB for each chunk of 65,536 documents: 128 KiB for a million.
class Matches {
 public:
  explicit Matches(const Snapshot& snapshot);

  // Takes what is in the set; once for a chunk.
  void Put(uint32_t segment, uint32_t chunk, const ChunkSet& set);
  uint32_t segments() const { return static_cast<uint32_t>(chunks_.size()); }
  uint32_t chunks(uint32_t segment) const { return static_cast<uint32_t>(chunks_[segment].size()); }
  uint32_t count(uint32_t segment, uint32_t chunk) const { return chunks_[segment][chunk].count; }
  uint64_t count(uint32_t segment) const;
  uint64_t count() const;
  // A view into this object.
  void View(uint32_t segment, uint32_t chunk, ChunkSet& set) const;

  // Calls `visit(Doc)` for all of a segment, ascending.
  template <typename Visit>
  void ForEach(uint32_t segment, Visit visit) const {
    for (uint32_t chunk = 0; chunk < chunks(segment); ++chunk) {
      if (count(segment, chunk) == 0) continue;
      ChunkSet set;
      View(segment, chunk, set);
      set.ForEach([&, base = chunk * kChunkDocs](uint16_t low) { visit(base + low); });
    }
  }

 private:
  struct Chunk {
    uint32_t count = 0;
    std::vector<uint16_t> list;
    std::unique_ptr<ChunkBitmap> bits;  // null: a list
  };
  std::vector<std::vector<Chunk>> chunks_;  // by segment
};

}  // namespace stockroom::api
