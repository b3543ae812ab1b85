#include "services/api/search/exec/query_words.h"

namespace stockroom::api {

const std::vector<TermOrd>& SearchedWord::TermsIn(uint32_t number, const Segment& segment) {
  if (terms_of_ == number) return terms_;
  terms_.clear();
  for (const Expansion& expansion : Expand(segment, wanted_)) terms_.push_back(expansion.term);
  terms_of_ = number;
  return terms_;
}

NodeWords& QueryWords::Of(const WordsNode& node) {
  std::unique_ptr<NodeWords>& words = nodes_[&node];
  if (words != nullptr) return *words;
  Lookups lookups = LookupsOf(node, stemming_);
  words = std::make_unique<NodeWords>();
  words->enough = lookups.enough;
  words->all.reserve(lookups.all.size());
  for (Wanted& wanted : lookups.all) words->all.emplace_back(std::move(wanted));
  return *words;
}

SearchedWord& QueryWords::Of(const TagNode& node) {
  std::unique_ptr<NodeWords>& words = nodes_[&node];
  if (words == nullptr) {
    words = std::make_unique<NodeWords>();
    words->all.emplace_back(WantedOf(node));
  }
  return words->all[0];
}

}  // namespace stockroom::api
