// Words or tags: a sorted dictionary with posting lists. Not thread-safe: const members may run at
// once, the others alone.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"

namespace stockroom::api {

class TermIndex {
 public:
  using Id = uint32_t;
  using Slot = uint32_t;

  // Gives ids to terms before they are in the index, so that the work is done while others read.
  // Valid until the next Append.
  class Draft {
   public:
    explicit Draft(const TermIndex& index) : index_(index) {}
    Id IdOf(std::string term) {
      if (const std::optional<Id> known = index_.Find(term)) return *known;
      const auto next = static_cast<Id>(index_.size() + new_terms_.size());
      const auto [it, added] = fresh_.try_emplace(term, next);
      if (added) new_terms_.push_back(std::move(term));
      return it->second;
    }
    std::vector<std::string> TakeNewTerms() { return std::move(new_terms_); }

   private:
    const TermIndex& index_;
    std::unordered_map<std::string, Id> fresh_;
    std::vector<std::string> new_terms_;
  };

  void Append(std::vector<std::string> new_terms) {
    for (std::string& term : new_terms) {
      terms_.push_back(std::move(term));
      dictionary_.emplace(terms_.back(), static_cast<Id>(terms_.size() - 1));
    }
    postings_.resize(terms_.size());
  }
  // Slots come in ascending order. False if the slot has the term already.
  bool Post(Id term, Slot slot) {
    std::vector<Slot>& list = postings_[term];
    if (!list.empty() && list.back() == slot) return false;
    list.push_back(slot);
    return true;
  }

  std::optional<Id> Find(const std::string& term) const {
    const auto it = dictionary_.find(term);
    return it == dictionary_.end() ? std::nullopt : std::optional(it->second);
  }
  // Stays valid as long as the index.
  const std::string& term(Id id) const { return terms_[id]; }
  // Ascending; may name removed slots.
  const std::vector<Slot>& postings(Id id) const { return postings_[id]; }
  size_t size() const { return terms_.size(); }

  template <typename Visit>
  void ForEachWithPrefix(const std::string& prefix, Visit visit) const {
    for (auto it = dictionary_.lower_bound(prefix); it != dictionary_.end(); ++it) {
      if (!it->first.starts_with(prefix)) return;
      visit(it->second);
    }
  }

 private:
  // By id; a deque so that the dictionary's views stay valid.
  std::deque<std::string> terms_;
  absl::btree_map<std::string_view, Id> dictionary_;
  std::vector<std::vector<Slot>> postings_;
};

}  // namespace stockroom::api
