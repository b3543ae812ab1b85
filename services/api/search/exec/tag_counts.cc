#include "services/api/search/exec/tag_counts.h"

#include <algorithm>
#include <bit>

#include "services/api/search/exec/payloads.h"
#include "services/api/search/exec/set_kernels.h"
#include "services/api/search/exec/turns.h"

namespace stockroom::api {
namespace {

// In nanoseconds, at a million documents: a group of a run, and a byte of it that is counted
// (estimates); a document's list; and a posting, and that there are postings in a chunk (measured).
constexpr double kGroupNanos = 150;
constexpr double kByteNanos = 0.7;
constexpr double kListNanos = 16;
constexpr double kPostingNanos = 0.8;
constexpr double kChunkNanos = 30;
// So many documents ahead memory is asked for what will be read.
constexpr size_t kAhead = 12;

uint32_t CountInList(const ChunkPostings& postings, const uint64_t* bits) {
  alignas(64) uint64_t hits[kChunkWords];
  const uint32_t found = Kernels().TestEach(bits, postings.docs, postings.count, hits);
  if (found == 0 || postings.packed == nullptr) return found;
  alignas(64) uint64_t by_rank[kChunkWords];
  PayloadBits(postings, kWholeTag, by_rank);
  uint32_t count = 0;
  for (uint32_t w = 0; w < (postings.count + 63) / 64; ++w) {
    count += static_cast<uint32_t>(std::popcount(hits[w] & by_rank[w]));
  }
  return count;
}

// Those of the chunk that have the term as a whole tag.
uint32_t CountTagged(const ChunkPostings& postings, const uint64_t* bits) {
  if (postings.count == 0) return 0;
  const bool same = postings.packed == nullptr;
  if (same && (postings.uniform & kWholeTag) == 0) return 0;
  if (postings.bitmap == nullptr) return CountInList(postings, bits);
  if (same) return Kernels().CountAnd(postings.bitmap, bits);
  alignas(64) uint64_t by_rank[kChunkWords];
  alignas(64) uint64_t tagged[kChunkWords];
  PayloadBits(postings, kWholeTag, by_rank);
  Kernels().Deposit(postings.bitmap, by_rank, tagged);
  return Kernels().CountAnd(tagged, bits);
}

// The first of the chunk, if there is one.
std::optional<uint16_t> FirstTagged(const ChunkPostings& postings, const uint64_t* bits) {
  const auto is_tag = [&](uint32_t rank) { return (postings.PayloadAt(rank) & kWholeTag) != 0; };
  if (postings.bitmap == nullptr) {
    for (uint32_t rank = 0; rank < postings.count; ++rank) {
      if (TestBit(bits, postings.docs[rank]) && is_tag(rank)) return postings.docs[rank];
    }
    return std::nullopt;
  }
  for (uint32_t w = 0; w < kChunkWords; ++w) {
    for (uint64_t both = postings.bitmap[w] & bits[w]; both != 0; both &= both - 1) {
      const auto low =
          static_cast<uint16_t>(w * 64 + static_cast<uint32_t>(std::countr_zero(both)));
      if (is_tag(postings.RankOf(low))) return low;
    }
  }
  return std::nullopt;
}

}  // namespace

TagCounts::TagCounts(const Snapshot& snapshot, const Matches& matches, uint32_t segment)
    : number_(segment),
      state_(snapshot.segments[segment]),
      segment_(*state_.segment),
      matches_(matches),
      tags_(state_.loose->hints.Tags(segment_)),
      lists_(state_.loose->hints.Lists(segment_)),
      found_(matches.count(segment)),
      rows_(size_t{matches.chunks(segment)} * kChunkWords + 1),
      counts_(tags_.size()) {
  for (uint32_t chunk = 0; chunk < segment_.chunks(); ++chunk) {
    if (!HasAny(chunk)) continue;
    ChunkSet set;
    matches.View(segment, chunk, set);
    set.AddTo(&rows_[size_t{chunk} * kChunkWords]);
  }
}

void TagCounts::CountFrequent() {
  if (lists_.runs().empty()) return;
  const auto end = static_cast<uint32_t>(std::min<size_t>(TagRuns::kTags, tags_.size()));
  CountInRuns(lists_.runs()[0], end);
  counted_ = end;
}

void TagCounts::CountRest(uint64_t least) {
  const auto all = static_cast<uint32_t>(
      std::partition_point(tags_.begin(), tags_.end(),
                           [least](const SegmentHints::Tag& tag) { return tag.count >= least; }) -
      tags_.begin());
  while (counted_ < all) {
    const uint32_t number = counted_ / TagRuns::kTags;
    const TagRuns* runs = number < lists_.runs().size() ? &lists_.runs()[number] : nullptr;
    const auto end = runs == nullptr ? all : std::min(all, (number + 1) * TagRuns::kTags);
    const double nanos = runs == nullptr ? NanosInLists() : NanosInRuns(*runs);
    if (NanosInPostings(end, nanos) <= nanos) {
      CountInPostings(end);
    } else if (runs == nullptr) {
      CountInLists(end);
    } else {
      CountInRuns(*runs, end);
    }
    counted_ = end;
  }
}

double TagCounts::NanosInRuns(const TagRuns& runs) const {
  const double groups = std::min<double>(runs.groups(), static_cast<double>(found_));
  const double wanted = static_cast<double>(found_) / segment_.docs();
  return kGroupNanos * groups + kByteNanos * wanted * static_cast<double>(runs.size());
}

double TagCounts::NanosInLists() const { return kListNanos * static_cast<double>(found_); }

double TagCounts::NanosInPostings(uint32_t end, double most) const {
  double nanos = 0;
  for (uint32_t tag = counted_; tag < end && nanos <= most; ++tag) {
    nanos += kPostingNanos * tags_[tag].count + kChunkNanos * segment_.chunks();
  }
  return nanos;
}

void TagCounts::CountInRuns(const TagRuns& runs, uint32_t end) {
  // Of those that match and those that do not, the fewer are counted.
  const bool inverted = found_ > segment_.docs() / 2;
  if (inverted) Invert();
  Turns turns(TagRuns::kTags + 1);
  uint8_t picked[TagRuns::kGroup + 64];
  for (uint32_t number = 0; number < runs.groups(); ++number) {
    const TagRuns::Group group = runs.group(number);
    const auto row = rows_.begin() + group.first / 64;
    const auto row_end = rows_.begin() + (group.behind + 63) / 64;
    if (std::find_if(row, row_end, [](uint64_t bits) { return bits != 0; }) == row_end) continue;
    const uint32_t count = Kernels().PickRuns(rows_.data(), group.begun, group.firsts,
                                              group.numbers, group.words, picked);
    CountEach(picked, count, turns);
  }
  for (uint32_t tag = counted_; tag < end; ++tag) {
    const uint32_t count = SumOf(turns[tag % TagRuns::kTags]);
    counts_[tag] = inverted ? tags_[tag].count - count : count;
  }
  if (inverted) Invert();
}

void TagCounts::Invert() {
  for (uint64_t& row : rows_) row = ~row;
}

void TagCounts::CountInPostings(uint32_t end) {
  for (uint32_t chunk = 0; chunk < segment_.chunks(); ++chunk) {
    if (!HasAny(chunk)) continue;
    for (uint32_t tag = counted_; tag < end; ++tag) counts_[tag] += CountIn(chunk, tags_[tag].term);
  }
}

void TagCounts::CountInLists(uint32_t end) {
  std::vector<uint16_t> lows;
  for (uint32_t chunk = 0; chunk < segment_.chunks(); ++chunk) {
    if (!HasAny(chunk)) continue;
    const Doc base = chunk * kChunkDocs;
    ChunkSet set;
    matches_.View(number_, chunk, set);
    lows.resize(matches_.count(number_, chunk));
    set.ListTo(lows.data());
    for (size_t i = 0; i < lows.size(); ++i) {
      if (i + 2 * kAhead < lows.size()) lists_.PrefetchStart(base + lows[i + 2 * kAhead]);
      if (i + kAhead < lows.size()) lists_.PrefetchList(base + lows[i + kAhead]);
      lists_.ForEach(base + lows[i], end, [&](uint32_t tag) { ++counts_[tag]; });
    }
  }
}

uint64_t TagCounts::CountIn(uint32_t chunk, TermOrd term) const {
  return CountTagged(segment_.Postings(term, chunk), rows(chunk));
}

uint64_t TagCounts::CountOne(std::string_view text) const {
  const TermOrd term = segment_.FindTerm(text);
  uint64_t count = 0;
  for (uint32_t chunk = 0; term != kNoTerm && chunk < segment_.chunks(); ++chunk) {
    if (HasAny(chunk)) count += CountIn(chunk, term);
  }
  return count;
}

std::optional<Doc> TagCounts::Newest(std::string_view text) const {
  const TermOrd term = segment_.FindTerm(text);
  for (uint32_t chunk = 0; term != kNoTerm && chunk < segment_.chunks(); ++chunk) {
    if (!HasAny(chunk)) continue;
    const std::optional<uint16_t> low = FirstTagged(segment_.Postings(term, chunk), rows(chunk));
    if (low) return chunk * kChunkDocs + *low;
  }
  return std::nullopt;
}

TermOrd TagCounts::FirstWord() const {
  return segment_.TermsWithPrefix(std::string(1, kTagPrefix)).second;
}

}  // namespace stockroom::api
