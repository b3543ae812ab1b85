#include "services/api/search/segment/bits.h"

namespace stockroom::api {

DocBits::DocBits(uint32_t docs, bool all)
    : docs_(docs), count_(all ? docs : 0), chunks_((uint64_t{docs} + kChunkDocs - 1) / kChunkDocs) {
  if (!all) return;
  std::shared_ptr<ChunkBitmap> full;
  for (size_t i = 0; i < chunks_.size(); ++i) {
    const uint32_t left = docs - static_cast<uint32_t>(i) * kChunkDocs;
    if (left >= kChunkDocs) {
      // One for all whole chunks: changing one copies it.
      if (full == nullptr) {
        full = std::make_shared<ChunkBitmap>();
        full->fill(~uint64_t{0});
      }
      chunks_[i] = {full, kChunkDocs};
      continue;
    }
    chunks_[i] = {std::make_shared<ChunkBitmap>(), left};
    for (uint32_t bit = 0; bit < left; bit += 64) {
      const uint32_t bits = left - bit;
      (*chunks_[i].bits)[bit / 64] = bits >= 64 ? ~uint64_t{0} : (uint64_t{1} << bits) - 1;
    }
  }
}

void DocBits::Set(Doc doc) {
  if (doc >= docs_ || Test(doc)) return;
  Chunk& chunk = Own(doc / kChunkDocs);
  (*chunk.bits)[doc % kChunkDocs / 64] |= uint64_t{1} << doc % 64;
  ++chunk.count;
  ++count_;
}

void DocBits::Clear(Doc doc) {
  if (doc >= docs_ || !Test(doc)) return;
  Chunk& chunk = Own(doc / kChunkDocs);
  (*chunk.bits)[doc % kChunkDocs / 64] &= ~(uint64_t{1} << doc % 64);
  --chunk.count;
  --count_;
}

DocBits::Chunk& DocBits::Own(uint32_t index) {
  std::shared_ptr<ChunkBitmap>& bits = chunks_[index].bits;
  if (bits == nullptr) {
    bits = std::make_shared<ChunkBitmap>();
    bits->fill(0);
  } else if (bits.use_count() > 1) {
    bits = std::make_shared<ChunkBitmap>(*bits);
  }
  return chunks_[index];
}

}  // namespace stockroom::api
