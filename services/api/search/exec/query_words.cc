#include "services/api/search/exec/query_words.h"

#include <numeric>

namespace stockroom::api {
namespace {

bool IsPlainPrefix(const Wanted& wanted) {
  return wanted.is_prefix && !wanted.is_tag && wanted.typos == 0 && wanted.stemming.empty();
}

}  // namespace

void SearchedWord::Turn(uint32_t number) {
  if (number_ == number) return;
  number_ = number;
  range_.reset();
  terms_.reset();
}

std::pair<TermOrd, TermOrd> SearchedWord::RangeIn(const Segment& segment) {
  if (!range_) range_ = segment.TermsWithPrefix(wanted_.text);
  return *range_;
}

uint32_t SearchedWord::WorkIn(uint32_t number, const Segment& segment) {
  Turn(number);
  if (!IsPlainPrefix(wanted_)) return ExpansionWork(segment, wanted_);
  const auto [first, last] = RangeIn(segment);
  return 1 + last - first;
}

const std::vector<TermOrd>& SearchedWord::TermsIn(uint32_t number, const Segment& segment) {
  Turn(number);
  if (terms_) return *terms_;
  std::vector<TermOrd>& terms = terms_.emplace();
  if (IsPlainPrefix(wanted_)) {
    // The word itself is the first of them, if it is there.
    const auto [first, last] = RangeIn(segment);
    terms.resize(last - first);
    std::iota(terms.begin(), terms.end(), first);
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
