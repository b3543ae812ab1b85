// In which order hits come, and which of near duplicates.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tests/unit/search/oracle/naive_index.h"

namespace stockroom::api {

class NaiveOrder {
 public:
  // NOT_FOUND, INVALID_ARGUMENT as the index says.
  static absl::StatusOr<NaiveOrder> Of(const NaiveIndex& truth, const Principal& who,
                                       const Query& query, const SearchRequest& request);

  // Whether an image's place can change while it is in the index.
  static bool CanMove(SortOrder sort);

  // What is wrong with `hits` (of all pages) as an answer of which `matches` (newest first) is the
  // set; "" if nothing is. Relevance and chance are checked to be an order of the right set, by
  // descending score.
  std::string Problem(const std::vector<const NaiveEntry*>& matches,
                      const std::vector<SearchHit>& hits) const;

 private:
  struct Group {
    const NaiveEntry* best = nullptr;
    int64_t others = 0;
  };
  std::vector<Group> GroupsOf(const std::vector<const NaiveEntry*>& matches) const;
  // What is ordered by, largest first; nothing for what only the index knows.
  std::optional<double> KeyOf(const NaiveEntry& entry) const;

  SortOrder sort_ = SortOrder::kNewest;
  bool collapse_ = false;
  std::optional<PdqWords> target_;
};

}  // namespace stockroom::api
