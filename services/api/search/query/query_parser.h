// Reads the search language (docs/search.md). Pure.
#pragma once

#include <cstddef>
#include <string_view>

#include "absl/status/statusor.h"
#include "services/api/search/query/query.h"

namespace stockroom::api {

// What people send. A query costs a look at the index for each leaf, and a level of the machine's
// stack for each of its own.
inline constexpr size_t kMaxQueryBytes = 1000;
inline constexpr int kMaxQueryLeaves = 32;
inline constexpr int kMaxQueryLevels = 32;
// Canonical texts may be longer than what they stand for: dates and folded letters become several.
inline constexpr size_t kMaxCanonicalBytes = 32000;
// One value of a tree, and the words of all its leaves. No fewer than what folding makes of
// kMaxQueryBytes: a byte becomes at most eleven, a character of three bytes at most six words.
inline constexpr size_t kMaxValueBytes = 12000;
inline constexpr size_t kMaxQueryWords = 2000;

// What it gives obeys every rule of query.h; leaves have their span in `text`, groups and what
// stood there twice have none. It is the whole term with its key; of a WordsNode it is without the
// key, so that words can be replaced (words.h).
//
// INVALID_ARGUMENT with the reason and, in message and metadata, the position in bytes from 1, and
// where there is one, a suggestion (metadata "suggestion", to be put in that place):
// QUERY_UNKNOWN_KEY, QUERY_UNTERMINATED_QUOTE, QUERY_UNBALANCED (parentheses),
// QUERY_MISSING_OPERAND (of AND, OR, NOT; nothing in parentheses), QUERY_NO_WORDS (nothing but
// punctuation, which is skipped elsewhere), QUERY_TOO_LONG, QUERY_TOO_MANY_TERMS, QUERY_TOO_DEEP,
// QUERY_NOT_TEXT, and those of values: see fields.h.
absl::StatusOr<Query> ParseSearchQuery(std::string_view text, size_t max_bytes = kMaxQueryBytes);

}  // namespace stockroom::api
