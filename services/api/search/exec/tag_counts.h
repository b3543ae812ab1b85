// Counts the tags of one segment's matches. For one search.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "services/api/search/exec/matches.h"

namespace stockroom::api {

class TagCounts {
 public:
  // `snapshot` and `matches` must outlive it.
  TagCounts(const Snapshot& snapshot, const Matches& matches, uint32_t segment);

  // Counts the segment's most frequent tags, if they are in runs: see TagLists. The first.
  void CountFrequent();
  // Counts the others that at least `least` documents of the segment have.
  void CountRest(uint64_t least);

  // By a tag's number in SegmentHints::Tags: how many matches have it, if that was counted.
  const std::vector<SegmentHints::Tag>& tags() const { return tags_; }
  const std::vector<uint32_t>& counts() const { return counts_; }
  // Tags with a number from here on were not counted; fewer than `least` documents have them.
  uint32_t counted() const { return counted_; }
  // Of matches.
  uint64_t found() const { return found_; }

  // How many matches have a tag that was not counted, by its text in the dictionary.
  uint64_t CountOne(std::string_view text) const;
  // The newest match that has it.
  std::optional<Doc> Newest(std::string_view text) const;
  std::string TextOf(TermOrd term) const { return segment_.TermText(term); }
  // The first that is no tag of several words: before and behind it terms ascend by folded tag.
  TermOrd FirstWord() const;
  uint32_t number() const { return number_; }

 private:
  bool HasAny(uint32_t chunk) const { return matches_.count(number_, chunk) > 0; }
  const uint64_t* rows(uint32_t chunk) const { return &rows_[size_t{chunk} * kChunkWords]; }
  uint64_t CountIn(uint32_t chunk, TermOrd term) const;
  void Invert();
  // Each: those from counted() on.
  void CountInRuns(const TagRuns& runs, uint32_t end);
  void CountInLists(uint32_t end);
  void CountInPostings(uint32_t end);
  // About; the last no more than `most` or so.
  double NanosInRuns(const TagRuns& runs) const;
  double NanosInLists() const;
  double NanosInPostings(uint32_t end, double most) const;

  const uint32_t number_;
  const SegmentState& state_;
  const Segment& segment_;
  const Matches& matches_;
  const std::vector<SegmentHints::Tag>& tags_;
  const TagLists& lists_;
  const uint64_t found_;
  std::vector<uint64_t> rows_;  // bit d of them: whether document d matches; and a word more
  std::vector<uint32_t> counts_;
  uint32_t counted_ = 0;
};

}  // namespace stockroom::api
