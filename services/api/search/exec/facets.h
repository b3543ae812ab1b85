// Counts matching documents by their values. For one search.
#pragma once

#include <vector>

#include "services/api/domain/search_index.h"
#include "services/api/search/exec/matches.h"

namespace stockroom::api {

inline constexpr size_t kMostFacetValues = 20;
// Reading so few documents takes no longer than having an array for all tags (measured: a document
// some 5 us).
inline constexpr uint64_t kReadDocuments = 50;

// One facet for each field: the most frequent values, then by value (tags: folded). Exact. A tag is
// spelled as the newest of the matching documents that have it spells it.
std::vector<Facet> CountFacets(const Snapshot& snapshot, const Matches& matches,
                               const std::vector<FacetField>& fields);

// facet_tags.cc
Facet CountTags(const Snapshot& snapshot, const Matches& matches);

}  // namespace stockroom::api
