// The search language of proto/stockroom/v1/search.proto. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/api/domain/search_index.h"

namespace stockroom::api {

inline constexpr size_t kMaxQueryBytes = 1000;
inline constexpr int kMaxQueryTerms = 32;

// Consecutive words of one field, folded. A bare word is one (or several: "img_12"), of which the
// last need only be the beginning of the field's word; a quoted phrase wants whole words.
struct WordsTerm {
  std::vector<std::string> words;  // never empty
  bool last_is_prefix = false;

  friend bool operator==(const WordsTerm&, const WordsTerm&) = default;
};

// 0 stands for any.
struct DatePattern {
  int day = 0;
  int month = 0;
  int year = 0;

  friend bool operator==(const DatePattern&, const DatePattern&) = default;
};

// The image has this value, compared without regard to case and accents.
struct ValueTerm {
  FacetField field = FacetField::kFormat;  // kFormat, kLicense or kOrientation
  std::string value;                       // FoldLine

  friend bool operator==(const ValueTerm&, const ValueTerm&) = default;
};

// Everything must hold.
struct ParsedQuery {
  std::vector<WordsTerm> words;
  std::vector<std::string> tags;         // FoldLine
  std::vector<std::string> description;  // FoldLine
  std::vector<std::string> md5;          // 16 bytes each
  std::vector<ValueTerm> values;
  std::vector<DatePattern> dates;
  // Inclusive, as DateNumber.
  std::optional<int32_t> from;
  std::optional<int32_t> to;

  bool MatchesAll() const {
    return words.empty() && tags.empty() && description.empty() && md5.empty() && values.empty() &&
           dates.empty() && !from && !to;
  }
};

// 2020-12-24 is 20201224, so that numbers compare as dates do.
int32_t DateNumber(absl::Time time);  // in UTC
inline int32_t DateNumber(int year, int month, int day) { return year * 10000 + month * 100 + day; }
bool Matches(const DatePattern& pattern, int32_t date);

// INVALID_ARGUMENT with the reason and, in message and metadata, the position in bytes from 1:
// QUERY_UNKNOWN_KEY, QUERY_BAD_DATE, QUERY_BAD_MD5, QUERY_UNTERMINATED_QUOTE, QUERY_EMPTY_VALUE,
// QUERY_NO_WORDS, QUERY_TOO_LONG, QUERY_TOO_MANY_TERMS, QUERY_NOT_TEXT. Characters such as "-"
// between words are skipped, but a query of nothing else has QUERY_NO_WORDS.
absl::StatusOr<ParsedQuery> ParseQuery(std::string_view query);

}  // namespace stockroom::api
