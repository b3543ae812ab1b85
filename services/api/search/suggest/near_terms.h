// Terms that somebody may have meant.
#pragma once

#include <cstdint>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "services/api/search/suggest/ranked_terms.h"

namespace stockroom::api {

// The terms that something has, that begin with the same letter as `word` and are 1 to `typos`
// edits away: letters inserted, deleted, replaced, or swapped with their neighbour, none edited
// twice (restricted Damerau-Levenshtein distance in code points). Walks the sorted terms, computes
// the table of distances only for the letters that differ from the term before, and leaps over
// whatever begins with letters that are too far already. Ends when `steps` are used up: each costs
// some 10 nanoseconds a letter of `word`.
void VisitNearTerms(const RankedTerms& terms, const TermTexts& texts, std::string_view word,
                    int typos, uint32_t& steps,
                    absl::FunctionRef<void(RankedTerms::Change, int distance)> visit);

}  // namespace stockroom::api
