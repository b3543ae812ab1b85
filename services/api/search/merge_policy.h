// Which segments to merge, so that there are few of them and a document is rewritten seldom. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace stockroom::api {

struct SegmentSize {
  uint32_t docs = 0;
  uint32_t live = 0;
  bool busy = false;  // being merged already: not to be chosen
};

// Segments stand in tiers by their live documents, four times as many from one to the next. Once
// kTierWidth stand in a tier, they are merged with all that is in smaller tiers. A million images
// that came 500 at a time are therefore about 12 segments, and each was rewritten about five times.
inline constexpr size_t kTierWidth = 4;
// Of a larger segment with fewer live documents than holes, the holes are thrown away.
inline constexpr uint32_t kRewriteFrom = 1024;
// No merge makes more documents than this: what bounds its memory (about 1 GiB). Larger catalogues
// keep several such segments.
inline constexpr uint64_t kLargestMerge = 4u << 20;
// So many segments that searches get slow: whoever writes has to merge before going on.
inline constexpr size_t kTooManySegments = 48;

// Numbers of the segments to merge (one: to be rid of its holes), none if all is well. No more than
// `most` live documents together, at most kLargestMerge.
std::vector<size_t> ChooseMerge(const std::vector<SegmentSize>& sizes, uint64_t most);

// The smallest kTierWidth * 2, whatever their tiers; at most kLargestMerge documents.
std::vector<size_t> ChooseSmallest(const std::vector<SegmentSize>& sizes);

}  // namespace stockroom::api
