// Searches between their messages and the index.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "services/api/domain/search_index.h"
#include "stockroom/v1/search.pb.h"

namespace stockroom::api {

// What the request asks of the index, images as bytes (Fetch::kWire…) unless only ids are wanted.
// INVALID_ARGUMENT names the field.
absl::StatusOr<SearchRequest> SearchRequestOf(const v1::SearchImagesRequest& request);

// All of the answer but `images` and `feed_position`. `result` is the index's to `asked`, which is
// SearchRequestOf(request).
void FillAnswer(const v1::SearchImagesRequest& request, const SearchRequest& asked,
                const SearchResult& result, v1::SearchImagesResponse* response);

// The image of a hit as bytes: those of the index, or where it has none, `scratch` filled with new
// ones.
std::string_view ImageBytes(const SearchHit& hit, Fetch fetch, std::string& scratch);

// The whole answer as the bytes of its message.
std::string AnswerInBytes(const v1::SearchImagesRequest& request, const SearchRequest& asked,
                          const SearchResult& result, int64_t feed_position);

}  // namespace stockroom::api
