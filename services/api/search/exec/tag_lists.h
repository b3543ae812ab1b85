// The tags of each document of a segment: what postings are for words, turned round.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "services/api/search/exec/tag_runs.h"
#include "services/api/search/segment/segment.h"

namespace stockroom::api {

// Tags have numbers, the most frequent first. The first stand in runs, 255 in each; of the others a
// document has a list. It begins with a byte that says how many numbers of twelve bits are in it,
// and those of sixteen fill the rest. So a document takes 3.1 bytes, 1.1 for each of its tags that
// is in runs (and for each run in which it has none) and some 1.7 for each other; 6 for each that
// is not among the segment's 65,535 most frequent.
class TagLists {
 public:
  TagLists() = default;
  // `terms`: by number. The first are in `runs` runs, where there are so many.
  TagLists(const Segment& segment, const std::vector<TermOrd>& terms, uint32_t runs);

  // Of the tags from number 0, TagRuns::kTags, 2 * TagRuns::kTags and so on.
  const std::vector<TagRuns>& runs() const { return runs_; }
  uint64_t bytes() const;

  // All below `end` that are not in runs, ascending; and maybe some that follow.
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
  static constexpr uint32_t kTwelve = 0x1000;
  static constexpr uint32_t kMostOfTwelve = 0xff;
  static constexpr uint16_t kLong = 0xffff;  // four bytes follow

  template <typename T>
  static T Read(const uint8_t* at) {
    T value;
    std::memcpy(&value, at, sizeof(T));
    return value;
  }
  uint64_t StartOf(Doc doc) const { return blocks_[doc / kBlock] + starts_[doc]; }
  void AddChunk(const Segment& segment, const std::vector<TermOrd>& terms, uint32_t chunk);
  // A document's tags.
  void Add(const uint32_t* begin, const uint32_t* end);
  void AddList(const uint32_t* begin, const uint32_t* end);

  std::vector<TagRuns> runs_;
  uint32_t listed_from_ = 0;      // the first number that is in no run
  std::vector<uint64_t> blocks_;  // where they begin
  std::vector<uint16_t> starts_;  // behind the block's; one more: where the last list ends
  std::vector<uint8_t> lists_;
};

template <typename Visit>
void TagLists::ForEach(Doc doc, uint32_t end, Visit visit) const {
  const uint8_t* at = &lists_[StartOf(doc)];
  const uint8_t* const behind = &lists_[StartOf(doc + 1)];
  if (at == behind) return;
  const uint32_t twelve = *at++;
  uint32_t i = 0;
  for (; i + 1 < twelve; i += 2, at += 3) {
    // Two stand in three bytes; behind the last list there is a fourth.
    const auto two = Read<uint32_t>(at);
    visit(listed_from_ + (two & (kTwelve - 1)));
    visit(listed_from_ + (two >> 12 & (kTwelve - 1)));
  }
  if (i < twelve) {
    visit(listed_from_ + Read<uint16_t>(at));
    at += sizeof(uint16_t);
  }
  if (end <= listed_from_ + kTwelve && twelve < kMostOfTwelve) return;
  for (; at < behind; at += sizeof(uint16_t)) {
    uint32_t number = Read<uint16_t>(at);
    if (number == kLong) {
      number = Read<uint32_t>(at + sizeof(uint16_t));
      at += sizeof(uint32_t);
    }
    number += listed_from_;
    if (number >= end) return;
    visit(number);
  }
}

}  // namespace stockroom::api
