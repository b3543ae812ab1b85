// Relevance: how well a document fits the query's words. The formula: docs/search-ranking.md. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "services/api/search/exec/chunk_set.h"
#include "services/api/search/exec/execute.h"
#include "services/api/search/exec/expand.h"

namespace stockroom::api {

// The words and tags that a query wants (not those under a NOT), in the order they stand in it.
std::vector<Wanted> RankedWords(const Query& query, const std::string& stemming);

// How much each is worth. A matter of what everybody may find only, so that it tells nothing about
// the rest; of a moment, so that pages to come get them in their cursor.
std::vector<float> WeightsOf(const Snapshot& snapshot, const std::vector<Wanted>& words);

// Scores the documents of one segment. A score depends on the document, the words and the weights.
class Ranker {
 public:
  // As many weights as words. `segment` must outlive it.
  Ranker(const Segment& segment, const std::vector<Wanted>& words,
         const std::vector<float>& weights);

  // `scores` gets one for each of the documents, which are ascending.
  void Score(uint32_t chunk, const uint16_t* docs, uint32_t count, float* scores);

 private:
  struct Word {
    float weight = 0;
    std::vector<Expansion> terms;
    std::array<float, 256> worth{};  // by payload: fields
  };

  const Segment& segment_;
  std::vector<Word> words_;
  std::vector<float> best_;
};

}  // namespace stockroom::api
