// Terms, and who has how many of them.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "services/api/search/exec/snapshot.h"
#include "services/api/search/suggest/ranked_terms.h"
#include "services/api/search/suggest/suggestions.h"

namespace stockroom::api {

// One writer: Prepare adds texts, but changes nothing that readers see, so that it may run beside
// them; so may what is const. The rest needs readers shut out.
class TermCounts {
 public:
  TermCounts() = default;
  TermCounts(const TermCounts&) = delete;
  TermCounts& operator=(const TermCounts&) = delete;

  // Changes that were looked up and sorted.
  struct Batch {
    std::vector<std::pair<RankedTerms*, std::shared_ptr<RankedTerms::Prepared>>> parts;
    std::vector<std::pair<std::string, std::unique_ptr<RankedTerms>>> new_owners;
  };
  Batch Prepare(const std::vector<Suggestions::Entry>& added,
                const std::vector<Suggestions::Entry>& removed);
  void Commit(Batch& batch);
  // The batch's owners who have nothing any more.
  void Forget(const Batch& batch);

  // Their sums are the counts of what the viewer may find.
  std::vector<const RankedTerms*> RanksOf(const Viewer& viewer) const;
  const TermTexts& texts() const { return texts_; }
  // More than half of the terms are of images that are gone. Costs a look at each of them.
  bool IsMostlyDead() const;
  // Only what something has, and only what begins with `prefix`.
  std::unique_ptr<TermCounts> Rebuilt(std::string_view prefix) const;

  // Before readers have it: Add puts the changes in, for an owner besides kHidden, which is their
  // sum. No id twice.
  enum class Whose { kOpen, kHidden, kOwner };
  void Add(Whose whose, const std::string& owner, const std::vector<RankedTerms::Change>& changes);
  // kNoTermId if there is no room left. At most TermTexts::kLongest.
  TermId IdOf(std::string_view text);

  std::string Save() const;
  static absl::StatusOr<std::unique_ptr<TermCounts>> Load(std::string_view saved);
  uint64_t bytes() const;

 private:
  using Deltas = absl::flat_hash_map<std::string_view, int32_t>;

  std::vector<RankedTerms::Change> ChangesOf(const Deltas& deltas);

  TermTexts texts_;
  RankedTerms open_{texts_, true};
  RankedTerms hidden_{texts_, true};  // of all owners
  absl::flat_hash_map<std::string, std::unique_ptr<RankedTerms>> own_;
};

}  // namespace stockroom::api
