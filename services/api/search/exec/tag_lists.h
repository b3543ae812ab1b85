// The tags of each document of a segment: what postings are for words, turned round.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "services/api/search/segment/segment.h"

namespace stockroom::api {

// Tags have numbers, the most frequent first. Those up to columns() stand in columns of bits, a bit
// a document each; of the others a document has a list. A list begins with a byte that says how
// many numbers of eight and how many of twelve bits are in it (each at most fifteen), and those of
// sixteen fill the rest: since frequent tags have small numbers, most are among the first two. So a
// document takes 3.1 bytes, a bit for each column and some 1.5 for each tag besides; 6 for each
// that is not among the segment's 65,535 most frequent.
class TagLists {
 public:
  TagLists() = default;
  // `terms`: by number. The first `columns` (a multiple of 8, at most kMostColumns; there may be
  // fewer tags) get columns.
  TagLists(const Segment& segment, const std::vector<TermOrd>& terms, uint32_t columns);

  uint32_t columns() const { return columns_; }
  // columns() words for 64 documents, for the next 64, and so on: bit d % 64 of word
  // d / 64 * columns() + n says whether document d has tag n.
  const uint64_t* bits() const { return bits_.data(); }
  uint64_t bytes() const {
    return bits_.capacity() * sizeof(uint64_t) + blocks_.capacity() * sizeof(uint64_t) +
           starts_.capacity() * sizeof(uint16_t) + lists_.capacity();
  }

  // All but those in columns, ascending, up to the first that is no less than `end`.
  template <typename Visit>
  void ForEach(Doc doc, uint32_t end, Visit visit) const;
  // Where the list of the document begins is soon needed, or the list itself.
  void PrefetchStart(Doc doc) const { __builtin_prefetch(&starts_[doc]); }
  void PrefetchList(Doc doc) const { __builtin_prefetch(&lists_[StartOf(doc)]); }

 private:
  // Documents whose lists begin less than 64 KiB behind the first one's.
  static constexpr uint32_t kBlock = 64;
  // More than kMaxTags tags need. What would come behind it in a list is left out.
  static constexpr size_t kLongest = 0xffff / kBlock;
  static constexpr uint32_t kEight = 0x100;
  static constexpr uint32_t kTwelve = 0x1000;
  static constexpr uint32_t kMostOfAKind = 15;
  static constexpr uint16_t kLong = 0xffff;  // four bytes follow

  template <typename T>
  static T Read(const uint8_t* at) {
    T value;
    std::memcpy(&value, at, sizeof(T));
    return value;
  }
  uint64_t StartOf(Doc doc) const { return blocks_[doc / kBlock] + starts_[doc]; }
  void FillColumns(const Segment& segment, const std::vector<TermOrd>& terms);
  void AddChunk(const Segment& segment, const std::vector<TermOrd>& terms, uint32_t chunk);
  void AddList(const uint32_t* begin, const uint32_t* end);

  uint32_t columns_ = 0;
  std::vector<uint64_t> bits_;
  std::vector<uint64_t> blocks_;  // where they begin
  std::vector<uint16_t> starts_;  // behind the block's; one more: where the last list ends
  std::vector<uint8_t> lists_;
};

template <typename Visit>
void TagLists::ForEach(Doc doc, uint32_t end, Visit visit) const {
  const uint8_t* at = &lists_[StartOf(doc)];
  const uint8_t* const behind = &lists_[StartOf(doc + 1)];
  if (at == behind) return;
  const uint32_t eight = *at & 15u;
  const uint32_t twelve = *at >> 4u;
  ++at;
  for (uint32_t i = 0; i < eight; ++i) {
    const uint32_t number = columns_ + at[i];
    if (number >= end) return;
    visit(number);
  }
  at += eight;
  for (uint32_t i = 0; i < twelve; ++i) {
    // Two stand in three bytes.
    const uint32_t number =
        columns_ + (uint32_t{Read<uint16_t>(at + 3 * i / 2)} >> 4 * (i % 2) & (kTwelve - 1));
    if (number >= end) return;
    visit(number);
  }
  for (at += (3 * twelve + 1) / 2; at < behind; at += sizeof(uint16_t)) {
    uint32_t number = Read<uint16_t>(at);
    if (number == kLong) {
      number = Read<uint32_t>(at + sizeof(uint16_t));
      at += sizeof(uint32_t);
    }
    number += columns_;
    if (number >= end) return;
    visit(number);
  }
}

}  // namespace stockroom::api
