// What SearchIndex must answer, by looking at every image: the definitions of query/query.h and
// domain/search_index.h, written down in the simplest way.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "services/api/domain/principal.h"
#include "services/api/domain/search_index.h"
#include "services/api/search/query/query.h"
#include "tests/unit/search/oracle/naive_entry.h"

namespace stockroom::api {

// Not thread-safe; copies are states to go back to.
class NaiveIndex {
 public:
  // As SearchIndex.
  void Apply(const std::vector<Image>& changed, const std::vector<std::string>& deleted);
  std::vector<std::string> KeepOnly(const std::unordered_set<std::string>& ids);
  void SetPopularity(const std::vector<std::pair<std::string, uint32_t>>& counts);

  // After a restart nobody is left who could come late with what was deleted: it is forgotten.
  void Restart() { deleted_.clear(); }

  // Null if there is none.
  const NaiveEntry* Get(const std::string& id) const;
  const std::map<std::string, NaiveEntry>& entries() const { return entries_; }

  struct Found {
    std::vector<const NaiveEntry*> entries;  // newest first
    // An image lies so close to a circle's edge that rounding decides.
    bool doubtful = false;
  };
  // All that match and `who` may find. `typos` and `stemming` as in SearchRequest.
  Found Find(const Principal& who, const Query& query, int typos = 0,
             const std::string& stemming = "") const;
  // READY and may be found, newest first.
  std::vector<const NaiveEntry*> Visible(const Principal& who) const;

  // The 20 most frequent values, tags folded.
  static Facet FacetOf(const std::vector<const NaiveEntry*>& found, FacetField field);

 private:
  std::map<std::string, NaiveEntry> entries_;
  std::set<std::string> deleted_;
};

// (created, id) descending.
bool NewerThan(const NaiveEntry& a, const NaiveEntry& b);

// Whether the query says `state:` anywhere.
bool NamesState(const QueryNode& node);

}  // namespace stockroom::api
