// What searches work out about a segment once, for all searches to come: a segment never changes.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "services/api/search/exec/tag_lists.h"
#include "services/api/search/segment/segment.h"

namespace stockroom::api {

// Thread-safe; each part is worked out by the first who asks (some milliseconds for a million
// documents, TagLists some hundred), or ahead of all by Warm. Bounded by the segment: 16 bytes a
// different tag, the lists, and the different licenses, formats, cameras, lenses and data sets.
class SegmentHints {
 public:
  struct Tag {
    TermOrd term = kNoTerm;
    uint32_t count = 0;  // documents that have it as a whole tag, dead and hidden ones too
    // Of the term's text, the same in all segments of the process. That any two of a million tags
    // share one has a chance of 1 to 30 million; their counts would be added up.
    uint64_t hash = 0;
  };

  void Warm(const Segment& segment) const;

  // By descending count, then ascending term.
  const std::vector<Tag>& Tags(const Segment& segment) const;
  // Of their numbers in Tags.
  const TagLists& Lists(const Segment& segment) const;
  // What tags and lists take by now.
  uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }
  // By ordinal: FoldLine of the value; of cameras and lenses " word word ". Not of kOwner.
  const std::vector<std::string>& Folded(const Segment& segment, Ordinal column) const;

 private:
  struct Values {
    std::once_flag once;
    std::vector<std::string> folded;
  };
  static TagLists ListsOf(const Segment& segment, const std::vector<Tag>& tags);

  mutable std::once_flag tags_once_;
  mutable std::vector<Tag> tags_;
  mutable std::once_flag lists_once_;
  mutable TagLists lists_;
  mutable std::atomic<uint64_t> bytes_ = 0;
  mutable std::array<Values, kOrdinals> values_;
};

}  // namespace stockroom::api
