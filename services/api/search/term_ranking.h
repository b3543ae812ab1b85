// How many images have each term, and which terms are the most frequent with a prefix.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "services/api/search/term_index.h"

namespace stockroom::api {

// Terms lie in levels by the magnitude of their count: level n holds those that 2^n to 2^(n+1) - 1
// images have, in order. Frequent ones are found from the top, without looking at the many rare
// ones; a term moves only when its count crosses a power of two. Not thread-safe.
class TermRanking {
 public:
  using Id = TermIndex::Id;

  // One image more or fewer has the term. `term` must stay valid.
  void Add(Id id, std::string_view term);
  void Remove(Id id, std::string_view term);

  int64_t Count(Id id) const {
    const auto it = counts_.find(id);
    return it == counts_.end() ? 0 : it->second;
  }

  struct Ranked {
    Id id = 0;
    std::string_view term;
    int64_t count = 0;
  };
  // The terms that begin with `prefix` by the sum of their counts in `sources`, the greatest first,
  // then by term; at most `limit`. Examines at most `budget` terms: if more than that are of one
  // magnitude, the alphabetically last of them are left out.
  static std::vector<Ranked> Top(const std::vector<const TermRanking*>& sources,
                                 std::string_view prefix, size_t limit, size_t budget);

 private:
  void Move(Id id, std::string_view term, uint32_t before, uint32_t after);

  absl::flat_hash_map<Id, uint32_t> counts_;  // none is 0
  std::vector<absl::btree_map<std::string_view, Id>> levels_;
};

}  // namespace stockroom::api
