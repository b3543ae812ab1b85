// Answers a query from a snapshot. Pure: a function of what it is given.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "services/api/domain/search_index.h"
#include "services/api/search/exec/snapshot.h"
#include "services/api/search/query/query.h"

namespace stockroom::api {

// Where a page ended, and all that its order depended on: the next page orders by the same,
// whatever came and went in between, on any replica. Images that stay are therefore neither skipped
// nor repeated. Opaque text for clients: exec/cursor.h.
struct Cursor {
  SortOrder sort = SortOrder::kNewest;
  uint64_t seed = 0;
  // The last hit: descending (key, created_us, id). For kSimilar and kRandom the key is negated.
  double key = 0;
  int64_t created_us = 0;
  std::string id;
  // kRelevance: weights of the query's words in the order they stand in it, rounded as they are
  // used, so that a document's score depends on the document and these only.
  std::vector<float> weights;
  // kSimilar: what it is ordered by; the image itself may change or go meanwhile.
  std::optional<PdqWords> target = std::nullopt;

  friend bool operator==(const Cursor&, const Cursor&) = default;
};

struct ExecuteRequest {
  const Query& query;
  Viewer viewer;
  SortOrder sort = SortOrder::kNewest;  // never kDefault
  uint64_t seed = 0;                    // kRandom
  std::string similar_to;               // kSimilar: an image's id
  std::optional<Cursor> after;
  size_t limit = 50;
  bool exact_total = false;
  bool collapse = false;
  bool explain = false;
  std::vector<FacetField> facets;
  // "" or a Snowball algorithm's name (text/stem.h): bare words find other forms of themselves.
  std::string stemming;
};

struct ExecuteHit {
  Snapshot::Place place;
  double score = 0;        // what `sort` orders by
  uint32_t collapsed = 0;  // matching near duplicates that stand behind this one
};

struct ExecuteResult {
  std::vector<ExecuteHit> hits;
  std::optional<Cursor> next;  // none on the last page
  int64_t total = 0;
  bool total_is_exact = true;
  std::vector<Facet> facets;
  std::string explanation;  // one line a node of the plan; see docs/search.md
};

// INVALID_ARGUMENT: stemming of an unknown language; a page of another sort. NOT_FOUND:
// `similar_to` does not exist or may not be read. A scan of 1 M documents takes some milliseconds:
// see ExecuteIfCheap for what may run on a reaction.
absl::StatusOr<ExecuteResult> Execute(const Snapshot& snapshot, const ExecuteRequest& request);

// The same if it takes no more than some 100,000 postings or documents (about 0.2 ms) to look at;
// nullopt, after no more than that, if it may be more.
std::optional<absl::StatusOr<ExecuteResult>> ExecuteIfCheap(const Snapshot& snapshot,
                                                            const ExecuteRequest& request);

}  // namespace stockroom::api
