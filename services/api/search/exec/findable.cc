#include "services/api/search/exec/findable.h"

namespace stockroom::api {

uint32_t FindOrdinal(const OrdinalColumn& column, std::string_view value) {
  uint32_t first = 0;
  uint32_t last = column.values();
  while (first < last) {
    const uint32_t middle = first + (last - first) / 2;
    if (column.value(middle) < value) {
      first = middle + 1;
    } else {
      last = middle;
    }
  }
  return first < column.values() && column.value(first) == value ? first : column.values();
}

Findable::Findable(const SegmentState& state, const Viewer& viewer, bool any_state)
    : segment_(*state.segment) {
  if (viewer.sees_all) {
    main_ = any_state ? &state.live : &state.ready;
    return;
  }
  main_ = &state.open;
  const OrdinalColumn& owners = segment_.ordinals(Ordinal::kOwner);
  owner_ = FindOrdinal(owners, viewer.subject);
  const bool owns_some = !viewer.subject.empty() && owner_ < owners.values();
  const DocBits& own = any_state ? state.live : state.ready;
  if (owns_some && own.count() > state.open.count()) wider_ = &own;
}

const uint64_t* Findable::Chunk(uint32_t chunk, ChunkBitmap& scratch) const {
  const ChunkBitmap* main = main_->chunk(chunk);
  const uint64_t* bits = main == nullptr ? nullptr : main->data();
  const ChunkBitmap* wider = wider_ == nullptr ? nullptr : wider_->chunk(chunk);
  if (wider == nullptr) return bits;
  const OrdinalColumn& owners = segment_.ordinals(Ordinal::kOwner);
  bool any = false;
  for (uint32_t w = 0; w < kChunkWords; ++w) {
    uint64_t word = bits == nullptr ? 0 : bits[w];
    for (uint64_t left = (*wider)[w] & ~word; left != 0; left &= left - 1) {
      const Doc doc = chunk * kChunkDocs + w * 64 + static_cast<uint32_t>(__builtin_ctzll(left));
      if (owners.At(doc) == owner_) word |= left & -left;
    }
    scratch[w] = word;
    any |= word != 0;
  }
  return any ? scratch.data() : nullptr;
}

}  // namespace stockroom::api
