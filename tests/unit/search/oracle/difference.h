// Compares what an index answers with what the naive one does. Each function says what differs, for
// people, or "" if nothing does.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "services/api/domain/search_index.h"
#include "tests/unit/search/oracle/naive_index.h"
#include "tests/unit/search/oracle/random_catalogue.h"

namespace stockroom::api {

// What the index under test was given to serialise images with.
WireEncoder TestEncoder();

struct Question {
  Principal who;
  Query query;  // of the request, as CheckQuery gave it
  SearchRequest request;
};

// All pages, one after the other: the set, the order, totals, facets, what is shown of each.
std::string SearchDifference(const SearchIndex& index, const NaiveIndex& truth, const Question& q);

// As SearchDifference, of one answer that was given before: the first page, which is all.
std::string AnswerDifference(const absl::StatusOr<SearchResult>& answer, const NaiveIndex& truth,
                             const Question& q);

// All pages, with edits in between: what is there all the time and stays as it is comes exactly
// once, nothing comes twice that did not change, nothing comes that never matched.
std::string PagingDifference(SearchIndex& index, NaiveIndex& truth, const Question& q,
                             const std::vector<Edit>& edits);

std::string SuggestDifference(const SearchIndex& index, const NaiveIndex& truth,
                              const Principal& who, const std::string& prefix, int limit);

std::string SimilarDifference(const SearchIndex& index, const NaiveIndex& truth,
                              const Principal& who, const std::string& id, int limit);

// What is in there: size, Find, the checksums by bucket.
std::string ContentDifference(const SearchIndex& index, const NaiveIndex& truth);

// Both take the same step.
std::string ApplyToBoth(SearchIndex& index, NaiveIndex& truth, const Edit& edit);

// How many of the searches that were compared found something: a test of nothing is none.
struct Seen {
  uint64_t searches = 0;
  uint64_t found = 0;
  uint64_t refused = 0;
  uint64_t doubtful = 0;
  uint64_t hits = 0;
};
Seen& SeenSoFar();  // of this thread

}  // namespace stockroom::api
