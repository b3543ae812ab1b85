// Documents of one chunk, as a search narrows them down. Pure; for one thread.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

#include "services/api/search/segment/segment.h"

namespace stockroom::api {

// Either an ascending list of low halves of document numbers or a bitmap; a view of the segment's
// own bytes until it is changed. About 16 KiB: lives on the stack.
class ChunkSet {
 public:
  // A longer list is no smaller than a bitmap and becomes one.
  static constexpr uint32_t kMostListed = 4096;
  // A bitmap with fewer is turned into a list: what comes next looks at every document anyway.
  static constexpr uint32_t kFew = 1024;

  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init): the room is written before it is read
  ChunkSet() {}
  ChunkSet(const ChunkSet&) = delete;
  ChunkSet& operator=(const ChunkSet&) = delete;

  void Clear();
  // The bits or list must outlive the set or its next change. Null: none.
  void View(const uint64_t* bits);
  void View(const uint16_t* docs, uint32_t count);
  void CopyFrom(const ChunkSet& other);
  // Makes a view a copy.
  void Own();

  bool empty() const { return bits_ == nullptr && listed_ == 0; }
  bool is_list() const { return bits_ == nullptr; }
  uint32_t Count() const;
  // Of a list.
  const uint16_t* list() const { return docs_; }
  uint32_t listed() const { return listed_; }
  // Of a bitmap.
  const uint64_t* bits() const { return bits_; }

  void Keep(const ChunkPostings& postings);
  // Only those with one of the mask's bits in the payload.
  void Keep(const ChunkPostings& postings, Payload mask);
  void Keep(const uint64_t* bits);
  void Drop(const ChunkPostings& postings);
  void Drop(const uint64_t* bits);
  void Drop(const ChunkSet& other);
  // Keeps [first, last) of the chunk.
  void KeepRange(uint32_t first, uint32_t last);

  void AddTo(uint64_t* bits) const;
  // Writes all of it to `out`, which has room for Count().
  void ListTo(uint16_t* out) const;

  // `keep(uint16_t low)`, ascending.
  template <typename Predicate>
  void Filter(Predicate keep);
  template <typename Visit>
  void ForEach(Visit visit) const;
  // `visit(uint16_t low)` returns whether to go on.
  template <typename Visit>
  void ForEachWhile(Visit visit) const;

 private:
  uint64_t* Words() { return reinterpret_cast<uint64_t*>(own_[half_]); }
  uint16_t* Docs() { return reinterpret_cast<uint16_t*>(own_[half_]); }
  // The half that the set does not stand in.
  uint64_t* OtherHalf() {
    half_ ^= 1;
    return Words();
  }
  void BecomeBitmap(const uint64_t* bits, uint32_t count);
  void KeepList(const uint16_t* docs, uint32_t count);

  const uint64_t* bits_ = nullptr;  // null: a list
  const uint16_t* docs_ = nullptr;
  uint32_t listed_ = 0;
  int half_ = 0;
  // Operations read one half and write the other; 16 bytes more for vector stores.
  alignas(64) uint8_t own_[2][kChunkDocs / 8 + 64];
};

// Sets the bits of the postings that have one of the mask's bits (0: of all).
void AddPostings(const ChunkPostings& postings, Payload mask, uint64_t* bits);

template <typename Predicate>
void ChunkSet::Filter(Predicate keep) {
  if (is_list()) {
    uint16_t* out = reinterpret_cast<uint16_t*>(OtherHalf());
    uint32_t count = 0;
    for (uint32_t i = 0; i < listed_; ++i) {
      const uint16_t low = docs_[i];
      out[count] = low;
      count += keep(low) ? 1 : 0;
    }
    View(out, count);
    return;
  }
  uint64_t* out = OtherHalf();
  uint32_t count = 0;
  for (uint32_t w = 0; w < kChunkWords; ++w) {
    uint64_t kept = 0;
    for (uint64_t left = bits_[w]; left != 0; left &= left - 1) {
      const auto bit = static_cast<uint32_t>(std::countr_zero(left));
      kept |= static_cast<uint64_t>(keep(static_cast<uint16_t>(w * 64 + bit)) ? 1 : 0) << bit;
    }
    out[w] = kept;
    count += static_cast<uint32_t>(std::popcount(kept));
  }
  BecomeBitmap(out, count);
}

template <typename Visit>
void ChunkSet::ForEach(Visit visit) const {
  ForEachWhile([&](uint16_t low) {
    visit(low);
    return true;
  });
}

template <typename Visit>
void ChunkSet::ForEachWhile(Visit visit) const {
  if (is_list()) {
    for (uint32_t i = 0; i < listed_; ++i) {
      if (!visit(docs_[i])) return;
    }
    return;
  }
  for (uint32_t w = 0; w < kChunkWords; ++w) {
    for (uint64_t left = bits_[w]; left != 0; left &= left - 1) {
      const auto bit = static_cast<uint32_t>(std::countr_zero(left));
      if (!visit(static_cast<uint16_t>(w * 64 + bit))) return;
    }
  }
}

inline bool TestBit(const uint64_t* bits, uint16_t low) {
  return (bits[low / 64] >> (low % 64) & 1) != 0;
}
inline void SetBit(uint64_t* bits, uint16_t low) { bits[low / 64] |= uint64_t{1} << (low % 64); }

// The first place at or behind `from` whose value is at least `low`; `count` if there is none.
inline uint32_t LowerBound(const uint16_t* docs, uint32_t from, uint32_t count, uint16_t low) {
  uint32_t step = 1;
  uint32_t end = from;
  while (end < count && docs[end] < low) {
    from = end + 1;
    end += step;
    step *= 2;
  }
  if (end > count) end = count;
  while (from < end) {
    const uint32_t middle = from + (end - from) / 2;
    if (docs[middle] < low) {
      from = middle + 1;
    } else {
      end = middle;
    }
  }
  return from;
}

}  // namespace stockroom::api
