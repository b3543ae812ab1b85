#include "services/api/search/exec/query_words.h"

#include <utility>

namespace stockroom::api {

SearchedWord::SearchedWord(Wanted wanted, size_t segments)
    : wanted_(std::move(wanted)), term_(TermTextOf(wanted_)), places_(segments) {}

TermOrd SearchedWord::TermIn(uint32_t number, const Segment& segment) {
  Place& place = places_[number];
  if (!place.is_known) place = {true, segment.FindTerm(term_)};
  return place.term;
}

std::vector<TermOrd> SearchedWord::TermsIn(uint32_t number, const Segment& segment) {
  std::vector<TermOrd> terms;
  if (is_exact()) {
    const TermOrd term = TermIn(number, segment);
    if (term != kNoTerm) terms.push_back(term);
    return terms;
  }
  for (const Expansion& expansion : Expand(segment, wanted_)) terms.push_back(expansion.term);
  return terms;
}

NodeWords& QueryWords::Of(const WordsNode& node) {
  std::unique_ptr<NodeWords>& words = nodes_[&node];
  if (words != nullptr) return *words;
  Lookups lookups = LookupsOf(node, stemming_);
  words = std::make_unique<NodeWords>();
  words->enough = lookups.enough;
  words->all.reserve(lookups.all.size());
  for (Wanted& wanted : lookups.all) words->all.emplace_back(std::move(wanted), segments_);
  return *words;
}

SearchedWord& QueryWords::Of(const TagNode& node) {
  std::unique_ptr<NodeWords>& words = nodes_[&node];
  if (words == nullptr) {
    words = std::make_unique<NodeWords>();
    words->all.emplace_back(WantedOf(node), segments_);
  }
  return words->all[0];
}

}  // namespace stockroom::api
