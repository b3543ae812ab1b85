#include "services/api/search/exec/tag_counts.h"

#include <algorithm>
#include <array>
#include <bit>

#include "services/api/search/exec/payloads.h"
#include "services/api/search/exec/set_kernels.h"

namespace stockroom::api {
namespace {

// Measured, in nanoseconds, at a million documents: a document's list; and a posting, and that
// there are postings in a chunk.
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
      bits_(matches.chunks(segment)),
      counts_(tags_.size()) {
  for (uint32_t chunk = 0; chunk < bits_.size(); ++chunk) {
    if (matches.count(segment, chunk) == 0) continue;
    ChunkSet set;
    matches.View(segment, chunk, set);
    bits_[chunk] = std::make_unique<Bits>();
    bits_[chunk]->words.fill(0);
    set.AddTo(bits_[chunk]->words.data());
  }
}

void TagCounts::CountColumns() {
  const uint32_t columns = lists_.columns();
  std::array<uint64_t, kMostColumns> sums{};
  const uint32_t all_rows = (segment_.docs() + 63) / 64;
  for (uint32_t chunk = 0; columns > 0 && chunk < bits_.size(); ++chunk) {
    if (bits_[chunk] == nullptr) continue;
    const uint32_t first = chunk * kChunkWords;
    Kernels().CountColumns(lists_.bits() + size_t{first} * columns, columns,
                           bits_[chunk]->words.data(), std::min(all_rows - first, kChunkWords),
                           sums.data());
  }
  counted_ = static_cast<uint32_t>(std::min<size_t>(columns, tags_.size()));
  for (uint32_t tag = 0; tag < counted_; ++tag) counts_[tag] = static_cast<uint32_t>(sums[tag]);
}

void TagCounts::CountRest(uint64_t least) {
  const auto end = static_cast<uint32_t>(
      std::partition_point(tags_.begin(), tags_.end(),
                           [least](const SegmentHints::Tag& tag) { return tag.count >= least; }) -
      tags_.begin());
  if (end <= counted_) return;
  if (PostingsAreFaster(end)) {
    CountInPostings(end);
  } else {
    CountInLists(end);
  }
  counted_ = end;
}

bool TagCounts::PostingsAreFaster(uint32_t end) const {
  const double lists = kListNanos * static_cast<double>(found_);
  double postings = 0;
  for (uint32_t tag = counted_; tag < end && postings <= lists; ++tag) {
    postings += kPostingNanos * tags_[tag].count + kChunkNanos * static_cast<double>(bits_.size());
  }
  return postings <= lists;
}

void TagCounts::CountInPostings(uint32_t end) {
  for (uint32_t chunk = 0; chunk < bits_.size(); ++chunk) {
    if (bits_[chunk] == nullptr) continue;
    for (uint32_t tag = counted_; tag < end; ++tag) counts_[tag] += CountIn(chunk, tags_[tag].term);
  }
}

void TagCounts::CountInLists(uint32_t end) {
  std::vector<uint16_t> lows;
  for (uint32_t chunk = 0; chunk < bits_.size(); ++chunk) {
    if (bits_[chunk] == nullptr) continue;
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
  return CountTagged(segment_.Postings(term, chunk), bits_[chunk]->words.data());
}

uint64_t TagCounts::CountOne(std::string_view text) const {
  const TermOrd term = segment_.FindTerm(text);
  uint64_t count = 0;
  for (uint32_t chunk = 0; term != kNoTerm && chunk < bits_.size(); ++chunk) {
    if (bits_[chunk] != nullptr) count += CountIn(chunk, term);
  }
  return count;
}

std::optional<Doc> TagCounts::Newest(std::string_view text) const {
  const TermOrd term = segment_.FindTerm(text);
  for (uint32_t chunk = 0; term != kNoTerm && chunk < bits_.size(); ++chunk) {
    if (bits_[chunk] == nullptr) continue;
    const std::optional<uint16_t> low =
        FirstTagged(segment_.Postings(term, chunk), bits_[chunk]->words.data());
    if (low) return chunk * kChunkDocs + *low;
  }
  return std::nullopt;
}

TermOrd TagCounts::FirstWord() const {
  return segment_.TermsWithPrefix(std::string(1, kTagPrefix)).second;
}

}  // namespace stockroom::api
