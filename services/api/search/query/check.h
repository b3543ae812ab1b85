// Queries that were not written in the language: checked and brought into the form of query.h.
// Pure.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "services/api/search/query/query.h"

namespace stockroom::api {

// The same query as the parser would have made it: no group of one, no AND directly in an AND, no
// NOT of a NOT; words, tags and values folded. INVALID_ARGUMENT (reasons of query_parser.h and
// fields.h, and QUERY_EMPTY_LIST): more than kMaxQueryLeaves or kMaxQueryLevels, empty groups or
// values, ranges that end before they begin, numbers out of bounds. However deep it is: stops at
// the bound.
absl::StatusOr<Query> CheckQuery(Query query);

// Groups in their simplest form: one part is itself, parts that are groups of the same kind are
// taken in, `*` says nothing in an AND; `parts` must not be empty.
QueryNode AndOf(std::vector<QueryNode> parts);
QueryNode OrOf(std::vector<QueryNode> parts);
QueryNode NotOf(QueryNode part);

}  // namespace stockroom::api
