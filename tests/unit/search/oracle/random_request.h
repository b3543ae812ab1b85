// Random queries of the whole grammar, and requests around them.
#pragma once

#include <string>
#include <vector>

#include "services/api/domain/principal.h"
#include "services/api/domain/search_index.h"
#include "services/api/search/query/query.h"
#include "tests/unit/search/oracle/random_catalogue.h"

namespace stockroom::api {

// As somebody might build it, not yet as CheckQuery wants it. Values are mostly such as images
// have.
Query RandomQuery(Draws& draws, const RandomCatalogue& catalogue);

Principal RandomPrincipal(Draws& draws);

// All of a request but its query.
SearchRequest RandomRequest(Draws& draws, const RandomCatalogue& catalogue);

std::string Describe(const Principal& who, const SearchRequest& request);

}  // namespace stockroom::api
