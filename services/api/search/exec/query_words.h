// The words of a query as one search looks them up: what a node stands for is worked out once for
// all segments, and where a word stands in a segment's dictionary once, whoever asks. For one
// thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "services/api/search/exec/expand.h"

namespace stockroom::api {

class SearchedWord {
 public:
  SearchedWord(Wanted wanted, size_t segments);

  const Wanted& wanted() const { return wanted_; }
  // Whether it stands for nothing but itself.
  bool is_exact() const { return StandsForItself(wanted_); }
  // As ExactTerm. `number` tells segments apart.
  TermOrd TermIn(uint32_t number, const Segment& segment);
  // The terms of Expand.
  std::vector<TermOrd> TermsIn(uint32_t number, const Segment& segment);

 private:
  struct Place {
    bool is_known = false;
    TermOrd term = kNoTerm;
  };

  const Wanted wanted_;
  const std::string term_;
  std::vector<Place> places_;  // by segment
};

// As Lookups.
struct NodeWords {
  std::vector<SearchedWord> all;
  bool enough = true;
};

class QueryWords {
 public:
  // Of a snapshot of so many segments.
  QueryWords(const std::string& stemming, size_t segments)
      : stemming_(stemming), segments_(segments) {}

  // Nodes are told apart by where they stand: the query must outlive it, and stay. What it gives
  // lives as long as it does.
  NodeWords& Of(const WordsNode& node);
  SearchedWord& Of(const TagNode& node);

 private:
  const std::string stemming_;
  const size_t segments_;
  absl::flat_hash_map<const void*, std::unique_ptr<NodeWords>> nodes_;
};

}  // namespace stockroom::api
