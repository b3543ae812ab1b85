// message Query, the JSON form of a query, to the tree that the index takes, and back.
#pragma once

#include "absl/status/statusor.h"
#include "services/api/search/query/query.h"
#include "stockroom/v1/search.pb.h"

namespace stockroom::api {

// Checked and in canonical form (CheckQuery). INVALID_ARGUMENT: the reasons of fields.h and
// check.h, with a violation that names the part, e.g. "query.and.parts[1].range";
// QUERY_UNKNOWN_NODE: a part of a kind that only newer versions know; QUERY_TOO_DEEP, however deep
// it is. The empty message is everything.
absl::StatusOr<Query> FromMessage(const v1::Query& message);

// FromMessage of it is the query again, if CheckQuery passes it.
void ToMessage(const Query& query, v1::Query* out);

}  // namespace stockroom::api
