// Where an image's text holds what was searched for, for showing it in bold. Pure.
#pragma once

#include <string>
#include <vector>

#include "services/api/domain/image.h"
#include "services/api/domain/search_index.h"
#include "services/api/search/query/query.h"

namespace stockroom::api {

// Ranges of bytes in the title, the description (a part of at most `kSnippetBytes` around the first
// match, cut between words) and the tags that the query's words, phrases and tags match; parts
// under NOT do not count. In order, without overlap, whole characters. `stemming` as in the search.
inline constexpr size_t kSnippetBytes = 240;
std::vector<Highlight> HighlightsOf(const Image& image, const Query& query,
                                    const std::string& stemming);

}  // namespace stockroom::api
