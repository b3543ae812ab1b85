// The fields of queries and what may stand for their values: shared by the language
// (query_parser.h) and the JSON form, message Query of proto/stockroom/v1/search.proto. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/api/search/query/query.h"

namespace stockroom::api {

// The builders below give leaves that obey the rules of query.h, or INVALID_ARGUMENT with a message
// for people, a stable reason and maybe a "suggestion" in the metadata: QUERY_UNKNOWN_KEY,
// QUERY_EMPTY_VALUE, QUERY_BAD_VALUE, QUERY_BAD_DATE, QUERY_BAD_MD5, QUERY_BAD_HASH,
// QUERY_BAD_NUMBER, QUERY_BAD_RANGE (empty, or of a field without order), QUERY_BAD_TYPOS,
// QUERY_NO_PREFIX (the field's values can not be searched by their beginning).

// message Words: each of `words` is folded and split again. `fields`: "title", "description",
// "tag", "filename", "attribute"; none: any.
absl::StatusOr<QueryNode> WordsNodeOf(const std::vector<std::string>& words, bool prefix,
                                      const std::vector<std::string>& fields, int typos);

// message Value: "tag", "owner", "license", "format", "camera", "lens", "dataset", "state",
// "description", "orientation", "color", "has", "md5", "date". Names are those of the language,
// with the same other spellings ("type", "gps").
absl::StatusOr<QueryNode> ValueNodeOf(std::string_view field, std::string_view value, bool prefix);

// message Range: "w", "h", "mp", "size", "taken", "date", "created"; both ends belong to it, and an
// end that names a period (2024-06) means all of it. Either may be empty.
absl::StatusOr<QueryNode> RangeNodeOf(std::string_view field, std::string_view min,
                                      std::string_view max);

absl::StatusOr<QueryNode> NearNodeOf(double latitude, double longitude, double km);

// Without `radius`: kPdqRadius. `id`: a UUID; `hash`: 64 hexadecimal digits.
absl::StatusOr<QueryNode> SimilarNodeOf(std::string_view id, std::optional<int> radius);
absl::StatusOr<QueryNode> HashNodeOf(std::string_view hash, std::optional<int> radius);

// The way back: what the builders would be given, in canonical spelling.
struct ValueText {
  std::string field;
  std::string value;
  bool prefix = false;
};
struct RangeText {
  std::string field;
  std::string min;  // "" where it is open
  std::string max;
};
// None for nodes that ValueNodeOf does not make (words, ranges, near, similar, hash, groups).
std::optional<ValueText> ValueTextOf(const QueryNode& node);
RangeText RangeTextOf(const RangeNode& range);
std::vector<std::string> FieldNamesOf(FieldMask fields);  // none for kEveryField
std::string HashText(const PdqWords& hash);               // 64 hexadecimal digits

}  // namespace stockroom::api
