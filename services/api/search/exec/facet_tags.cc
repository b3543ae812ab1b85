#include <algorithm>
#include <functional>
#include <optional>
#include <queue>
#include <span>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "services/api/search/exec/facets.h"
#include "services/api/search/exec/order.h"
#include "services/api/search/exec/tag_counts.h"
#include "services/api/search/store/document_store.h"
#include "services/api/search/text/text_fold.h"

namespace stockroom::api {
namespace {

struct TagCount {
  std::string term;  // as in the dictionary
  std::string line;  // folded
  int64_t count = 0;
};

bool ComesBefore(const TagCount& a, const TagCount& b) {
  return a.count != b.count ? a.count > b.count : a.line < b.line;
}

std::string LineOf(std::string_view term) {
  return std::string(term.starts_with(kTagPrefix) ? term.substr(1) : term);
}

Image ReadImage(const Snapshot& snapshot, Snapshot::Place place) {
  absl::StatusOr<Image> image = DecodeImage(snapshot.Read(place).image);
  return image.ok() ? *std::move(image) : Image();
}

// --- few matches: from the documents ---

Facet CountInDocuments(const Snapshot& snapshot, const Matches& matches) {
  struct Count {
    int64_t count = 0;
    std::string spelling;
    RankedHit newest;
  };
  absl::flat_hash_map<std::string, Count> counts;  // by folded tag
  for (uint32_t s = 0; s < matches.segments(); ++s) {
    matches.ForEach(s, [&](Doc doc) {
      const Snapshot::Place place{s, doc};
      const RankedHit hit{0, CreatedOf(snapshot, place), place};
      absl::flat_hash_set<std::string> seen;
      for (const std::string& tag : ReadImage(snapshot, place).described.tags) {
        std::string line = FoldLine(tag);
        if (line.empty() || !seen.insert(line).second) continue;
        Count& count = counts[line];
        if (++count.count == 1 || api::ComesBefore(snapshot, hit, count.newest)) {
          count.spelling = tag;
          count.newest = hit;
        }
      }
    });
  }
  std::vector<TagCount> sorted;
  for (const auto& [line, count] : counts) sorted.push_back({"", line, count.count});
  const size_t kept = std::min(sorted.size(), kMostFacetValues);
  std::partial_sort(sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(kept),
                    sorted.end(), ComesBefore);
  sorted.resize(kept);
  Facet facet;
  for (const TagCount& tag : sorted) facet.push_back({counts[tag.line].spelling, tag.count});
  return facet;
}

// --- more: from lists and postings ---

std::vector<TagCounts> CountsOf(const Snapshot& snapshot, const Matches& matches) {
  std::vector<TagCounts> segments;
  for (uint32_t s = 0; s < matches.segments(); ++s) {
    if (matches.count(s) == 0) continue;
    segments.emplace_back(snapshot, matches, s).CountFrequent();
  }
  return segments;
}

// The count of the last that is shown; 0 if all are.
template <typename Counts, typename CountOf>
uint64_t LeastShown(const Counts& counts, CountOf count_of) {
  std::priority_queue<uint64_t, std::vector<uint64_t>, std::greater<>> most;
  for (const auto& each : counts) {
    const uint64_t count = count_of(each);
    if (most.size() == kMostFacetValues) {
      if (count <= most.top()) continue;
      most.pop();
    }
    most.push(count);
  }
  return most.size() == kMostFacetValues ? most.top() : 0;
}

uint64_t LeastShown(const std::vector<TagCounts>& segments) {
  uint64_t least = 0;
  for (const TagCounts& one : segments) {
    least = std::max(least, LeastShown(std::span(one.counts()).first(one.counted()),
                                       [](uint32_t count) { return count; }));
  }
  return least;
}

// A segment's part of `least`, by its part of the matches: all together are no more than that, so
// what stays below it everywhere is below `least`.
uint64_t ShareOf(uint64_t least, const TagCounts& segment, uint64_t found) {
  return static_cast<uint64_t>(static_cast<unsigned __int128>(least) * segment.found() / found);
}

struct SumOfTag {
  uint64_t count = 0;
  uint32_t segment = 0;  // one that has it
  TermOrd term = kNoTerm;
  std::optional<uint32_t> counted_in = std::nullopt;  // the last such segment that was seen
};
using Sums = absl::flat_hash_map<uint64_t, SumOfTag>;  // by hash

uint64_t LeastShown(const Sums& sums) {
  return LeastShown(sums, [](const auto& sum) { return sum.second.count; });
}

// What may be shown, over all segments, as far as it was counted.
Sums SumOf(const std::vector<TagCounts>& segments, uint64_t least, uint64_t found) {
  Sums sums;
  const auto share_of = [&](const TagCounts& one) {
    return std::max<uint64_t>(1, ShareOf(least, one, found));
  };
  for (uint32_t s = 0; s < segments.size(); ++s) {
    const TagCounts& one = segments[s];
    const uint64_t share = share_of(one);
    for (size_t i = 0; i < one.counted(); ++i) {
      if (one.counts()[i] < share) continue;
      const SegmentHints::Tag& tag = one.tags()[i];
      sums.try_emplace(tag.hash, SumOfTag{0, s, tag.term}).first->second.count += one.counts()[i];
    }
  }
  for (const TagCounts& one : segments) {
    const uint64_t share = share_of(one);
    for (size_t i = 0; share > 1 && i < one.counted(); ++i) {
      if (one.counts()[i] == 0 || one.counts()[i] >= share) continue;
      const auto sum = sums.find(one.tags()[i].hash);
      if (sum != sums.end()) sum->second.count += one.counts()[i];
    }
  }
  return sums;
}

// Adds what was not counted: where few documents of a segment have the tag.
void Complete(const std::vector<TagCounts>& segments, uint64_t counted_from, Sums& sums) {
  if (segments.size() < 2) return;
  // More than this it can not be.
  const uint64_t least = LeastShown(sums);
  absl::erase_if(sums, [&](const auto& sum) { return sum.second.count + counted_from < least; });
  for (uint32_t s = 0; s < segments.size(); ++s) {
    const TagCounts& one = segments[s];
    if (one.counted() == one.tags().size()) continue;
    for (uint32_t i = 0; i < one.counted(); ++i) {
      const auto sum = sums.find(one.tags()[i].hash);
      if (sum != sums.end()) sum->second.counted_in = s;
    }
    for (auto& [hash, sum] : sums) {
      if (sum.counted_in == s) continue;
      sum.count += one.CountOne(segments[sum.segment].TextOf(sum.term));
    }
  }
}

// All that may be shown, and few more: of those that occur equally often only the first are read.
std::vector<TagCount> BestOf(const std::vector<TagCounts>& segments, const Sums& sums) {
  const uint64_t least = LeastShown(sums);
  std::vector<TagCount> best;
  const auto take = [&](uint32_t segment, TermOrd term, uint64_t count) {
    std::string text = segments[segment].TextOf(term);
    std::string line = LineOf(text);
    best.push_back({std::move(text), std::move(line), static_cast<int64_t>(count)});
  };
  std::vector<std::vector<TermOrd>> equal(segments.size());
  for (const auto& [hash, sum] : sums) {
    if (sum.count > least) take(sum.segment, sum.term, sum.count);
    if (sum.count == least) equal[sum.segment].push_back(sum.term);
  }
  for (uint32_t s = 0; s < segments.size(); ++s) {
    // Terms ascend by line among those with a prefix, and among those without.
    std::vector<TermOrd>& terms = equal[s];
    const auto words =
        std::partition(terms.begin(), terms.end(),
                       [behind = segments[s].FirstWord()](TermOrd term) { return term < behind; });
    for (const auto& [begin, end] : {std::pair(terms.begin(), words), {words, terms.end()}}) {
      const auto last = begin + std::min<std::ptrdiff_t>(kMostFacetValues, end - begin);
      std::partial_sort(begin, last, end);
      for (auto term = begin; term != last; ++term) take(s, *term, least);
    }
  }
  return best;
}

// A tag that is shown occurs at least as often as the last of the most frequent tags that would be
// shown of them alone. Too few documents have most tags for that, so these need not be counted: a
// threshold algorithm (Fagin, Lotem, Naor 2003) over the segments.
std::vector<TagCount> CountMost(std::vector<TagCounts>& segments) {
  uint64_t found = 0;
  for (const TagCounts& one : segments) found += one.found();
  const uint64_t counted_from =
      std::max(LeastShown(segments), LeastShown(SumOf(segments, 0, found)));
  for (TagCounts& one : segments) {
    one.CountRest(std::max<uint64_t>(1, ShareOf(counted_from, one, found)));
  }
  Sums sums = SumOf(segments, std::max(counted_from, LeastShown(segments)), found);
  Complete(segments, counted_from, sums);
  return BestOf(segments, sums);
}

// As the newest match that has it spells it.
std::string SpellingOf(const Snapshot& snapshot, const std::vector<TagCounts>& segments,
                       const TagCount& tag) {
  std::optional<RankedHit> newest;
  for (const TagCounts& segment : segments) {
    const std::optional<Doc> doc = segment.Newest(tag.term);
    if (!doc) continue;
    const Snapshot::Place place{segment.number(), *doc};
    const RankedHit hit{0, CreatedOf(snapshot, place), place};
    if (!newest || api::ComesBefore(snapshot, hit, *newest)) newest = hit;
  }
  if (newest) {
    for (const std::string& spelling : ReadImage(snapshot, newest->place).described.tags) {
      if (FoldLine(spelling) == tag.line) return spelling;
    }
  }
  return tag.line;
}

Facet Spelled(const Snapshot& snapshot, const std::vector<TagCounts>& segments,
              std::vector<TagCount> best) {
  std::sort(best.begin(), best.end(), ComesBefore);
  best.resize(std::min(best.size(), kMostFacetValues));
  Facet facet;
  for (const TagCount& tag : best) {
    facet.push_back({SpellingOf(snapshot, segments, tag), tag.count});
  }
  return facet;
}

}  // namespace

Facet CountTags(const Snapshot& snapshot, const Matches& matches) {
  if (matches.count() <= kReadDocuments) return CountInDocuments(snapshot, matches);
  std::vector<TagCounts> segments = CountsOf(snapshot, matches);
  return Spelled(snapshot, segments, CountMost(segments));
}

}  // namespace stockroom::api
