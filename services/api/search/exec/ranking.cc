#include "services/api/search/exec/ranking.h"

#include <algorithm>
#include <cmath>

#include "services/api/search/exec/cursor.h"
#include "services/api/search/exec/plan.h"
#include "services/api/search/exec/set_kernels.h"
#include "services/api/search/query/words.h"

namespace stockroom::api {
namespace {

// What it is worth to stand in a field; several fields add up.
constexpr float kTitleWorth = 4;
constexpr float kTagWorth = 3;
constexpr float kWholeTagWorth = 2;
constexpr float kFilenameWorth = 1.5f;
constexpr float kAttributeWorth = 1.2f;
constexpr float kDescriptionWorth = 1;

// BM25: k1 says how soon repetition stops to matter, b how much long texts are held against a word.
constexpr float kSaturation = 1.2f;
constexpr float kLengthShare = 0.4f;
// Words of a usual document. A constant: the true mean would change every score with every upload,
// and would tell about documents that may not be found.
constexpr float kUsualLength = 32;
// By the payload's two highest bits.
constexpr std::array<float, 4> kTimes = {1, 2, 3.5f, 6};

struct Saturations {
  std::array<std::array<float, 256>, 4> of{};  // by times, by length class
};

const Saturations& SaturationTable() {
  static const Saturations table = [] {
    Saturations fresh;
    for (size_t times = 0; times < kTimes.size(); ++times) {
      for (unsigned length = 0; length < 256; ++length) {
        const auto words = static_cast<float>(Segment::LengthOf(static_cast<uint8_t>(length)));
        const float penalty =
            kSaturation * (1 - kLengthShare + kLengthShare * words / kUsualLength);
        fresh.of[times][length] = kTimes[times] * (kSaturation + 1) / (kTimes[times] + penalty);
      }
    }
    return fresh;
  }();
  return table;
}

float WorthOf(Payload payload, const Wanted& wanted) {
  const auto in = [&](TextField field) {
    return (payload & MaskOf(field)) != 0 && (wanted.fields & MaskOf(field)) != 0;
  };
  float worth = 0;
  if (wanted.is_tag) return (payload & kWholeTag) != 0 ? kTagWorth + kWholeTagWorth : 0;
  if (in(TextField::kTitle)) worth += kTitleWorth;
  if (in(TextField::kTag)) worth += kTagWorth;
  if (in(TextField::kTag) && (payload & kWholeTag) != 0) worth += kWholeTagWorth;
  if (in(TextField::kFilename)) worth += kFilenameWorth;
  if (in(TextField::kAttribute)) worth += kAttributeWorth;
  if (in(TextField::kDescription)) worth += kDescriptionWorth;
  return worth;
}

// Open documents that have the very word.
uint64_t CountOpen(const Snapshot& snapshot, const Wanted& wanted) {
  uint64_t count = 0;
  for (const SegmentState& state : snapshot.segments) {
    const TermOrd term = ExactTerm(*state.segment, wanted);
    if (term == kNoTerm) continue;
    for (uint32_t chunk = 0; chunk < state.segment->chunks(); ++chunk) {
      const ChunkBitmap* open = state.open.chunk(chunk);
      if (open == nullptr) continue;
      const ChunkPostings postings = state.segment->Postings(term, chunk);
      if (postings.bitmap != nullptr) {
        count += Kernels().CountAnd(open->data(), postings.bitmap);
        continue;
      }
      for (uint32_t i = 0; i < postings.count; ++i) {
        count += TestBit(open->data(), postings.docs[i]) ? 1 : 0;
      }
    }
  }
  return count;
}

// Open documents that have any of the words it stands for.
uint64_t CountOpenForms(const Snapshot& snapshot, const Wanted& wanted) {
  uint64_t count = 0;
  for (const SegmentState& state : snapshot.segments) {
    std::vector<TermOrd> terms;
    for (const Expansion& one : Expand(*state.segment, wanted)) terms.push_back(one.term);
    const auto plan = PlanForTerms(*state.segment, std::move(terms), 0);
    if (plan == nullptr) continue;
    for (uint32_t chunk = 0; chunk < state.segment->chunks(); ++chunk) {
      const ChunkBitmap* open = state.open.chunk(chunk);
      if (open == nullptr) continue;
      ChunkSet set;
      set.View(open->data());
      plan->Keep(chunk, set);
      count += set.Count();
    }
  }
  return count;
}

// Calls `found(i, payload)` for each of the documents that has the term.
template <typename Found>
void Walk(const ChunkPostings& postings, const uint16_t* docs, uint32_t count, Found found) {
  if (postings.bitmap != nullptr) {
    // Ranks are counted along, as documents ascend.
    uint32_t word = 0;
    uint32_t rank = 0;
    for (uint32_t i = 0; i < count; ++i) {
      if (!TestBit(postings.bitmap, docs[i])) continue;
      if (postings.packed == nullptr) {
        found(i, postings.uniform);
        continue;
      }
      const uint32_t at = docs[i] / 64u;
      if (at / 8 != word / 8) {
        word = at / 8 * 8;
        rank = postings.ranks[word / 8];
      }
      for (; word < at; ++word) {
        rank += static_cast<uint32_t>(__builtin_popcountll(postings.bitmap[word]));
      }
      const uint64_t below = postings.bitmap[at] & ((uint64_t{1} << docs[i] % 64u) - 1);
      found(i, postings.PayloadAt(rank + static_cast<uint32_t>(__builtin_popcountll(below))));
    }
    return;
  }
  uint32_t i = 0;
  uint32_t rank = 0;
  while (i < count && rank < postings.count) {
    if (docs[i] < postings.docs[rank]) {
      i = LowerBound(docs, i + 1, count, postings.docs[rank]);
    } else if (docs[i] > postings.docs[rank]) {
      rank = LowerBound(postings.docs, rank + 1, postings.count, docs[i]);
    } else {
      found(i, postings.PayloadAt(rank));
      ++i;
      ++rank;
    }
  }
}

}  // namespace

std::vector<Wanted> RankedWords(const Query& query, const std::string& stemming) {
  std::vector<Wanted> words;
  VisitLeaves(query, [&](const QueryNode& leaf, bool positive) {
    if (!positive) return;
    if (const auto* node = std::get_if<WordsNode>(&leaf.is)) {
      for (Wanted& wanted : WantedOf(*node, stemming)) words.push_back(std::move(wanted));
    } else if (const auto* tag = std::get_if<TagNode>(&leaf.is)) {
      words.push_back(WantedOf(*tag));
    }
  });
  // More than a token can carry: of queries with very long phrases.
  if (words.size() > kMostWeights) words.resize(kMostWeights);
  return words;
}

std::vector<float> WeightsOf(const Snapshot& snapshot, const std::vector<Wanted>& words) {
  double open = 0;
  for (const SegmentState& state : snapshot.segments) open += state.open.count();
  std::vector<float> weights;
  for (const Wanted& word : words) {
    uint64_t with = CountOpen(snapshot, word);
    if (with == 0 && (word.is_prefix || word.typos > 0)) with = CountOpenForms(snapshot, word);
    const auto had = static_cast<double>(with);
    weights.push_back(RoundedWeight(std::log(1 + (open - had + 0.5) / (had + 0.5))));
  }
  return weights;
}

Ranker::Ranker(const Segment& segment, const std::vector<Wanted>& words,
               const std::vector<float>& weights)
    : segment_(segment) {
  for (size_t i = 0; i < words.size(); ++i) {
    Word word;
    word.weight = weights[i];
    word.terms = Expand(segment, words[i]);
    if (word.terms.empty()) continue;
    for (unsigned payload = 0; payload < 256; ++payload) {
      word.worth[payload] = WorthOf(static_cast<Payload>(payload), words[i]);
    }
    words_.push_back(std::move(word));
  }
}

void Ranker::Score(uint32_t chunk, const uint16_t* docs, uint32_t count, float* scores) {
  const Saturations& saturations = SaturationTable();
  const Doc base = chunk * kChunkDocs;
  std::fill_n(scores, count, 0.0f);
  for (const Word& word : words_) {
    // Of several forms of the word in one document the best counts.
    best_.assign(count, 0.0f);
    for (const Expansion& term : word.terms) {
      const ChunkPostings postings = segment_.Postings(term.term, chunk);
      if (postings.count == 0) continue;
      Walk(postings, docs, count, [&](uint32_t i, Payload payload) {
        const uint8_t length = segment_.length_class(base + docs[i]);
        const float value =
            term.fit * word.worth[payload] * saturations.of[payload >> kFrequencyShift][length];
        best_[i] = std::max(best_[i], value);
      });
    }
    for (uint32_t i = 0; i < count; ++i) scores[i] += word.weight * best_[i];
  }
}

}  // namespace stockroom::api
