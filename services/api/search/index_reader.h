// Answers searches, suggestions and questions for similar images.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "services/api/domain/principal.h"
#include "services/api/domain/search_index.h"
#include "services/api/search/index_state.h"

namespace stockroom::api {

// Each as SearchIndex.
std::shared_ptr<const Image> FindReady(const IndexState& state, const std::string& id);
absl::StatusOr<SearchResult> SearchImages(const IndexState& state, const Principal& who,
                                          const SearchRequest& request);
std::optional<absl::StatusOr<SearchResult>> SearchImagesIfCheap(const IndexState& state,
                                                                const Principal& who,
                                                                const SearchRequest& request);
absl::StatusOr<std::vector<Suggestion>> SuggestTerms(const IndexState& state, const Principal& who,
                                                     const std::string& prefix, int limit);
absl::StatusOr<std::vector<SimilarImage>> FindSimilarImages(const IndexState& state,
                                                            const Principal& who,
                                                            const std::string& id, int limit);

}  // namespace stockroom::api
