// Who of a segment a search may find at all. Every evaluation starts from it, so what may not be
// found reaches neither hits nor counts.
#pragma once

#include <cstdint>

#include "services/api/search/exec/chunk_set.h"
#include "services/api/search/exec/snapshot.h"

namespace stockroom::api {

class Findable {
 public:
  // `any_state`: the query names `state:`, so that owners and moderators find what is not READY,
  // too. Both must outlive it.
  Findable(const SegmentState& state, const Viewer& viewer, bool any_state);

  // The chunk's bits, maybe in `scratch`; null: none.
  const uint64_t* Chunk(uint32_t chunk, ChunkBitmap& scratch) const;

  // The greater part of it, for extrapolating: its size is known.
  const DocBits& main() const { return *main_; }
  // Whether main() is all of it.
  bool is_main() const { return wider_ == nullptr; }
  // Documents that Chunk asks for their owner.
  uint32_t Asks(uint32_t chunk) const {
    return is_main() ? 0 : wider_->count(chunk) - main_->count(chunk);
  }

 private:
  const Segment& segment_;
  // All of these may be found,
  const DocBits* main_ = nullptr;
  // and of these what is the viewer's own. Null: none.
  const DocBits* wider_ = nullptr;
  uint32_t owner_ = 0;
};

// The number of a value; values() if no document of the segment has it.
uint32_t FindOrdinal(const OrdinalColumn& column, std::string_view value);

}  // namespace stockroom::api
