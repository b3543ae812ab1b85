#include "services/api/search/exec/tag_lists.h"

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

TagLists::TagLists(const Segment& segment, const std::vector<TermOrd>& terms, uint32_t columns)
    : columns_(columns) {
  FillColumns(segment, terms);
  blocks_.reserve(segment.docs() / kBlock + 1);
  starts_.reserve(size_t{segment.docs()} + 1);
  for (uint32_t chunk = 0; chunk < segment.chunks(); ++chunk) AddChunk(segment, terms, chunk);
  AddList(nullptr, nullptr);
  // One more: the end of the last list is an element, too.
  lists_.push_back(0);
  lists_.shrink_to_fit();
}

void TagLists::FillColumns(const Segment& segment, const std::vector<TermOrd>& terms) {
  bits_.resize(size_t{(segment.docs() + 63) / 64} * columns_);
  for (uint32_t number = 0; number < std::min<size_t>(columns_, terms.size()); ++number) {
    for (uint32_t chunk = 0; chunk < segment.chunks(); ++chunk) {
      uint64_t* const rows = &bits_[size_t{chunk} * kChunkWords * columns_ + number];
      ForEachTagged(segment, terms[number], chunk, [&](uint16_t low) {
        rows[size_t{low / 64u} * columns_] |= uint64_t{1} << (low % 64u);
      });
    }
  }
}

void TagLists::AddChunk(const Segment& segment, const std::vector<TermOrd>& terms, uint32_t chunk) {
  const uint32_t docs = std::min(kChunkDocs, segment.docs() - chunk * kChunkDocs);
  const auto for_each = [&](auto visit) {
    for (uint32_t number = columns_; number < terms.size(); ++number) {
      ForEachTagged(segment, terms[number], chunk,
                    [&](uint16_t low) { visit(number - columns_, low); });
    }
  };
  // A counting sort by document, one further, so that while filling each moves to its end.
  std::vector<uint32_t> ends(docs + 2);
  for_each([&](uint32_t, uint16_t low) { ++ends[low + 2u]; });
  for (uint32_t i = 2; i < ends.size(); ++i) ends[i] += ends[i - 1];
  std::vector<uint32_t> numbers(ends.back());
  for_each([&](uint32_t number, uint16_t low) { numbers[ends[low + 1u]++] = number; });
  for (uint32_t low = 0; low < docs; ++low) {
    AddList(numbers.data() + ends[low], numbers.data() + ends[low + 1]);
  }
}

void TagLists::AddList(const uint32_t* begin, const uint32_t* end) {
  if (starts_.size() % kBlock == 0) blocks_.push_back(lists_.size());
  const size_t start = lists_.size();
  starts_.push_back(static_cast<uint16_t>(start - blocks_.back()));
  if (begin == end) return;
  const auto count = [&](const uint32_t* from, uint32_t below) {
    return std::min<std::ptrdiff_t>(kMostOfAKind, std::lower_bound(from, end, below) - from);
  };
  const uint32_t* const twelve = begin + count(begin, kEight);
  const uint32_t* const rest = twelve + count(twelve, kTwelve);
  const auto put = [&](uint32_t number, int bytes) {
    for (int i = 0; i < bytes; ++i) lists_.push_back(static_cast<uint8_t>(number >> 8 * i));
  };
  put(static_cast<uint32_t>((twelve - begin) | (rest - twelve) << 4), 1);
  for (; begin < twelve; ++begin) put(*begin, 1);
  for (; begin + 1 < rest; begin += 2) put(begin[0] | begin[1] << 12, 3);
  for (; begin < rest; ++begin) put(*begin, 2);
  for (; begin < end; ++begin) {
    const size_t bytes = *begin < kLong ? sizeof(kLong) : sizeof(kLong) + sizeof(*begin);
    if (lists_.size() - start + bytes > kLongest) return;
    put(std::min<uint32_t>(*begin, kLong), sizeof(kLong));
    if (*begin >= kLong) put(*begin, sizeof(*begin));
  }
}

}  // namespace stockroom::api
