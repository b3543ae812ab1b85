// A set of a segment's documents in chunks, copied on write.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

namespace stockroom::api {

// Within a segment, documents are numbered from 0, newest first. Everything is evaluated a chunk of
// 65,536 documents at a time: its bitmap is 8 KiB and stays in the first-level cache.
using Doc = uint32_t;
inline constexpr uint32_t kChunkDocs = 65536;
inline constexpr uint32_t kChunkWords = kChunkDocs / 64;
using ChunkBitmap = std::array<uint64_t, kChunkWords>;

// A value: copying shares the chunks, changing one copies it if it is shared. Not thread-safe;
// equal values may be read at once.
class DocBits {
 public:
  // Bits past `docs` are never set.
  explicit DocBits(uint32_t docs = 0, bool all = false);

  uint32_t docs() const { return docs_; }
  uint32_t chunks() const { return static_cast<uint32_t>(chunks_.size()); }
  // Null: none was ever set.
  const ChunkBitmap* chunk(uint32_t index) const { return chunks_[index].bits.get(); }
  // How many of it are set.
  uint32_t count(uint32_t index) const { return chunks_[index].count; }
  bool Test(Doc doc) const {
    const ChunkBitmap* bits = chunk(doc / kChunkDocs);
    return bits != nullptr && ((*bits)[doc % kChunkDocs / 64] >> (doc % 64) & 1) != 0;
  }
  // How many are set.
  uint32_t count() const { return count_; }

  void Set(Doc doc);
  void Clear(Doc doc);

 private:
  struct Chunk {
    std::shared_ptr<ChunkBitmap> bits;
    uint32_t count = 0;
  };
  // The chunk with bits of its own.
  Chunk& Own(uint32_t index);

  uint32_t docs_ = 0;
  uint32_t count_ = 0;
  std::vector<Chunk> chunks_;
};

}  // namespace stockroom::api
