// Page tokens: a Cursor as text, bound to the search that it is a page of.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "services/api/search/exec/execute.h"

namespace stockroom::api {

// All that the order and the set of hits depend on, besides the index: a token of one search is
// refused by another.
struct PageBinding {
  std::string query;  // CanonicalText
  SortOrder sort = SortOrder::kNewest;
  uint64_t seed = 0;
  std::string similar_to;
  bool collapse = false;
  std::string stemming;
};

// Text of at most some 500 characters that may stand in a URL as it is.
std::string EncodePageToken(const Cursor& cursor, const PageBinding& binding);

// INVALID_ARGUMENT (BAD_PAGE_TOKEN): not a token, or one of another search. Whatever a client may
// have made up, the cursor holds finite numbers and bounded sizes only; a made-up one can do no
// more than ask for another page.
absl::StatusOr<Cursor> DecodePageToken(std::string_view token, const PageBinding& binding);

// Weights of words are multiples of 1 / 1024 below 64, so that a token carries them exactly.
float RoundedWeight(double weight);
inline constexpr size_t kMostWeights = 255;

}  // namespace stockroom::api
