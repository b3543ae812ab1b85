#include "services/api/search/exec/tag_lists.h"

#include <algorithm>
#include <bit>

#include "services/api/search/exec/chunk_set.h"
#include "services/api/search/exec/payloads.h"
#include "services/api/search/exec/set_kernels.h"

namespace stockroom::api {
namespace {

// Calls `visit(uint16_t low)` for the chunk's documents that have the term as a whole tag.
template <typename Visit>
void ForEachTagged(const Segment& segment, TermOrd term, uint32_t chunk, Visit visit) {
  const ChunkPostings postings = segment.Postings(term, chunk);
  if (postings.count == 0) return;
  alignas(64) uint64_t by_rank[kChunkWords];
  PayloadBits(postings, kWholeTag, by_rank);
  if (postings.bitmap != nullptr) {
    alignas(64) uint64_t tagged[kChunkWords];
    Kernels().Deposit(postings.bitmap, by_rank, tagged);
    ChunkSet set;
    set.View(tagged);
    set.ForEach(visit);
    return;
  }
  for (uint32_t w = 0; w < (postings.count + 63) / 64; ++w) {
    for (uint64_t ranks = by_rank[w]; ranks != 0; ranks &= ranks - 1) {
      visit(postings.docs[w * 64 + static_cast<uint32_t>(std::countr_zero(ranks))]);
    }
  }
}

}  // namespace

TagLists::TagLists(const Segment& segment, const std::vector<TermOrd>& terms, uint32_t runs)
    : runs_(runs), listed_from_(runs * TagRuns::kTags) {
  blocks_.reserve(segment.docs() / kBlock + 1);
  starts_.reserve(size_t{segment.docs()} + 1);
  for (uint32_t chunk = 0; chunk < segment.chunks(); ++chunk) AddChunk(segment, terms, chunk);
  for (TagRuns& each : runs_) each.End();
  AddList(nullptr, nullptr);
  // One more: the end of the last list is an element, too.
  lists_.push_back(0);
  lists_.shrink_to_fit();
}

uint64_t TagLists::bytes() const {
  uint64_t bytes = blocks_.capacity() * sizeof(uint64_t) + starts_.capacity() * sizeof(uint16_t) +
                   lists_.capacity();
  for (const TagRuns& each : runs_) bytes += each.bytes();
  return bytes;
}

void TagLists::AddChunk(const Segment& segment, const std::vector<TermOrd>& terms, uint32_t chunk) {
  const uint32_t docs = std::min(kChunkDocs, segment.docs() - chunk * kChunkDocs);
  const auto for_each = [&](auto visit) {
    for (uint32_t number = 0; number < terms.size(); ++number) {
      ForEachTagged(segment, terms[number], chunk, [&](uint16_t low) { visit(number, low); });
    }
  };
  // A counting sort by document, one further, so that while filling each moves to its end.
  std::vector<uint32_t> ends(docs + 2);
  for_each([&](uint32_t, uint16_t low) { ++ends[low + 2u]; });
  for (uint32_t i = 2; i < ends.size(); ++i) ends[i] += ends[i - 1];
  std::vector<uint32_t> numbers(ends.back());
  for_each([&](uint32_t number, uint16_t low) { numbers[ends[low + 1u]++] = number; });
  for (uint32_t low = 0; low < docs; ++low) {
    Add(numbers.data() + ends[low], numbers.data() + ends[low + 1]);
  }
}

void TagLists::Add(const uint32_t* begin, const uint32_t* end) {
  for (uint32_t i = 0; i < runs_.size(); ++i) {
    const uint32_t base = i * TagRuns::kTags;
    const uint32_t* const behind = std::lower_bound(begin, end, base + TagRuns::kTags);
    runs_[i].Add(begin, behind, base);
    begin = behind;
  }
  AddList(begin, end);
}

void TagLists::AddList(const uint32_t* begin, const uint32_t* end) {
  if (starts_.size() % kBlock == 0) blocks_.push_back(lists_.size());
  const size_t start = lists_.size();
  starts_.push_back(static_cast<uint16_t>(start - blocks_.back()));
  if (begin == end) return;
  const uint32_t* const rest =
      begin + std::min<std::ptrdiff_t>(
                  kMostOfTwelve, std::lower_bound(begin, end, listed_from_ + kTwelve) - begin);
  const auto put = [&](uint32_t number, int bytes) {
    for (int i = 0; i < bytes; ++i) lists_.push_back(static_cast<uint8_t>(number >> 8 * i));
  };
  put(static_cast<uint32_t>(rest - begin), 1);
  const auto other = [&](const uint32_t* number) { return *number - listed_from_; };
  for (; begin + 1 < rest; begin += 2) put(other(begin) | other(begin + 1) << 12, 3);
  for (; begin < rest; ++begin) put(other(begin), 2);
  for (; begin < end; ++begin) {
    const uint32_t number = other(begin);
    const size_t bytes = number < kLong ? sizeof(kLong) : sizeof(kLong) + sizeof(number);
    if (lists_.size() - start + bytes > kLongest) return;
    put(std::min<uint32_t>(number, kLong), sizeof(kLong));
    if (number >= kLong) put(number, sizeof(number));
  }
}

}  // namespace stockroom::api
