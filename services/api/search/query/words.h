// The words of a query: for relevance, typos and "did you mean". Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "services/api/search/query/query.h"

namespace stockroom::api {

// In the order they stand in it; `positive`: not under a NOT. References live as long as `query`.
void VisitLeaves(const Query& query,
                 absl::FunctionRef<void(const QueryNode& leaf, bool positive)> visit);

// Whether it names `state:` anywhere (see ValueNode).
bool NamesState(const Query& query);

struct QueryWord {
  std::string word;
  bool is_prefix = false;
  FieldMask fields = kEveryField;
  int typos = 0;
  // Which leaf (by VisitLeaves, from 0) and which of its words.
  size_t leaf = 0;
  size_t index = 0;
  TextSpan span;  // of the leaf
};
// The words that are searched and not excluded.
std::vector<QueryWord> PositiveWords(const Query& query);

// Another word in the place of one that PositiveWords gave.
struct WordChange {
  QueryWord from;
  std::string to;  // folded, one word
};
// `text` with only those leaves written anew, or, where spans are missing (JSON form, words that
// stood there twice), the canonical text; both are read as the same query.
std::string ReplaceWords(std::string_view text, const Query& query,
                         const std::vector<WordChange>& changes);

// Bare words (one word, the beginning) that do not say so themselves may have up to `typos` (0 to
// 2) wrong letters: one from four letters on, two from eight.
Query WithTypos(Query query, int typos);

}  // namespace stockroom::api
