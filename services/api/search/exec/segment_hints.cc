#include "services/api/search/exec/segment_hints.h"

#include <algorithm>
#include <bit>

#include "absl/hash/hash.h"
#include "services/api/search/exec/payloads.h"
#include "services/api/search/exec/set_kernels.h"
#include "services/api/search/text/text_fold.h"

namespace stockroom::api {
namespace {

uint32_t CountWholeTag(const Segment& segment, TermOrd term) {
  uint32_t count = 0;
  uint64_t by_rank[kChunkWords];
  for (uint32_t chunk = 0; chunk < segment.chunks(); ++chunk) {
    const ChunkPostings postings = segment.Postings(term, chunk);
    if (postings.count == 0) continue;
    if (postings.packed == nullptr) {
      if ((postings.uniform & kWholeTag) != 0) count += postings.count;
      continue;
    }
    PayloadBits(postings, kWholeTag, by_rank);
    for (uint32_t w = 0; w < (postings.count + 63) / 64; ++w) {
      count += static_cast<uint32_t>(std::popcount(by_rank[w]));
    }
  }
  return count;
}

// Runs take no more memory than lists where a document has one of their tags or more.
uint32_t RunsFor(const std::vector<SegmentHints::Tag>& tags, uint32_t docs) {
  uint32_t runs = 0;
  for (size_t begin = 0; begin < tags.size(); begin += TagRuns::kTags, ++runs) {
    const size_t end = std::min<size_t>(begin + TagRuns::kTags, tags.size());
    uint64_t sum = 0;
    for (size_t i = begin; i < end; ++i) sum += tags[i].count;
    if (sum < docs) break;
  }
  return runs;
}

std::string WordsLine(std::string_view value) {
  std::string line = " ";
  for (const std::string& word : SplitWords(FoldText(value))) line.append(word).append(" ");
  return line;
}

}  // namespace

void SegmentHints::Warm(const Segment& segment) const {
  Lists(segment);
  for (const Ordinal column :
       {Ordinal::kLicense, Ordinal::kFormat, Ordinal::kCamera, Ordinal::kLens, Ordinal::kDataset}) {
    Folded(segment, column);
  }
}

const std::vector<SegmentHints::Tag>& SegmentHints::Tags(const Segment& segment) const {
  std::call_once(tags_once_, [&] {
    std::vector<Tag> tags;
    for (TermOrd term = 0; term < segment.terms(); ++term) {
      if (const uint32_t count = CountWholeTag(segment, term); count > 0) {
        tags.push_back({term, count, absl::Hash<std::string>()(segment.TermText(term))});
      }
    }
    std::sort(tags.begin(), tags.end(), [](const Tag& a, const Tag& b) {
      return a.count != b.count ? a.count > b.count : a.term < b.term;
    });
    tags.shrink_to_fit();
    bytes_ += tags.size() * sizeof(Tag);
    tags_ = std::move(tags);
  });
  return tags_;
}

TagLists SegmentHints::ListsOf(const Segment& segment, const std::vector<Tag>& tags) {
  std::vector<TermOrd> terms;
  terms.reserve(tags.size());
  for (const Tag& tag : tags) terms.push_back(tag.term);
  return {segment, terms, RunsFor(tags, segment.docs())};
}

const TagLists& SegmentHints::Lists(const Segment& segment) const {
  std::call_once(lists_once_, [&] {
    TagLists lists = ListsOf(segment, Tags(segment));
    bytes_ += lists.bytes();
    lists_ = std::move(lists);
  });
  return lists_;
}

const std::vector<std::string>& SegmentHints::Folded(const Segment& segment, Ordinal column) const {
  Values& values = values_[static_cast<size_t>(column)];
  std::call_once(values.once, [&] {
    const OrdinalColumn& ordinals = segment.ordinals(column);
    const bool words = column == Ordinal::kCamera || column == Ordinal::kLens;
    std::vector<std::string> folded;
    folded.reserve(ordinals.values());
    for (uint32_t ord = 0; ord < ordinals.values(); ++ord) {
      folded.push_back(words ? WordsLine(ordinals.value(ord)) : FoldLine(ordinals.value(ord)));
    }
    values.folded = std::move(folded);
  });
  return values.folded;
}

}  // namespace stockroom::api
