// The words of a query as one search looks them up: what a node stands for is worked out once for
// all segments, and what a word stands for in a segment's dictionary once for the bound of the work
// and for the plan, which are made one after the other. For one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "services/api/search/exec/expand.h"

namespace stockroom::api {

class SearchedWord {
 public:
  explicit SearchedWord(Wanted wanted) : wanted_(std::move(wanted)) {}

  const Wanted& wanted() const { return wanted_; }
  // As ExpansionWork. `number` tells segments apart; what is found out of the last is kept.
  uint32_t WorkIn(uint32_t number, const Segment& segment);
  // The terms of Expand.
  const std::vector<TermOrd>& TermsIn(uint32_t number, const Segment& segment);

 private:
  // Forgets another segment.
  void Turn(uint32_t number);
  // Of a word that stands for whatever begins so, and nothing else.
  std::pair<TermOrd, TermOrd> RangeIn(const Segment& segment);

  const Wanted wanted_;
  std::optional<uint32_t> number_;
  std::optional<std::pair<TermOrd, TermOrd>> range_;
  std::optional<std::vector<TermOrd>> terms_;
};

// As Lookups.
struct NodeWords {
  std::vector<SearchedWord> all;
  bool enough = true;
};

class QueryWords {
 public:
  explicit QueryWords(const std::string& stemming) : stemming_(stemming) {}

  // Nodes are told apart by where they stand: the query must outlive it, and stay. What it gives
  // lives as long as it does.
  NodeWords& Of(const WordsNode& node);
  SearchedWord& Of(const TagNode& node);

 private:
  const std::string stemming_;
  absl::flat_hash_map<const void*, std::unique_ptr<NodeWords>> nodes_;
};

}  // namespace stockroom::api
