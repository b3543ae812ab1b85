// The table of fields that the language and the JSON form share, and readers of their values.
// Internal to this folder.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/api/search/query/query.h"

namespace stockroom::api {

enum class FieldKind : uint8_t {
  kWords,  // of the TextField `which`
  kWordsIn,
  kTag,
  kDescription,
  kValue,  // of the ValueField `which`
  kOrientation,
  kRange,  // of the NumberField `which`
  kDate,
  kFrom,
  kTo,
  kNear,
  kHas,
  kColor,
  kHash,
  kSimilar,
  kMd5
};

struct FieldInfo {
  std::string_view name;
  FieldKind kind;
  int which;
  std::string_view example;  // a whole term
};

// By its name or another spelling of it, folded; null if there is none.
const FieldInfo* FindField(std::string_view name);
const FieldInfo& FieldOf(NumberField field);
const FieldInfo& FieldOf(ValueField field);
bool HasOrder(const FieldInfo& field);   // ranges and comparisons
bool TakesStar(const FieldInfo& field);  // "*" behind a value says that it is a beginning
bool TakesTilde(const FieldInfo& field);
// The name that `name` may be a misspelling of; "" if there is none. `ordered`: of those only.
std::string_view NearestField(std::string_view name, bool ordered);
std::string FieldNames();  // "tag:, title:, ... and md5:"

std::optional<TextField> TextFieldOf(std::string_view name);
std::string_view NameOf(TextField field);
std::string_view NameOf(HasField field);
std::string_view NameOf(Orientation orientation);
// In the order of their numbers (ImageState's is one more).
std::span<const std::string_view> StateNames();
std::span<const std::string_view> HasNames();
std::span<const std::string_view> OrientationNames();

inline constexpr int kMaxTypos = 2;

struct RawValue {
  std::string_view text;
  bool quoted = false;
  bool star = false;
  std::optional<int> tilde = {};
};

// What stands behind the key. `fields`: of kWords and kWordsIn. Errors as the builders of fields.h.
absl::StatusOr<QueryNode> ReadField(const FieldInfo& field, FieldMask fields,
                                    const RawValue& value);

enum class Comparison : uint8_t { kEqual, kAtLeast, kMore, kAtMost, kLess };
absl::StatusOr<QueryNode> ReadComparison(const FieldInfo& field, Comparison comparison,
                                         std::string_view value);
// "a..b", ">=a" and the like, or one value.
absl::StatusOr<QueryNode> ReadRange(const FieldInfo& field, std::string_view value);
absl::StatusOr<QueryNode> ReadDate(const FieldInfo& field, std::string_view value);
// Both may be "".
absl::StatusOr<QueryNode> ReadBounds(const FieldInfo& field, std::string_view min,
                                     std::string_view max);
absl::Status CheckRange(const RangeNode& range);
// As ReadBounds takes it.
std::string BoundText(NumberField field, int64_t bound);

// WordsNode out of text; without words QUERY_EMPTY_VALUE.
absl::StatusOr<QueryNode> ReadWords(std::string_view text, bool prefix, FieldMask fields,
                                    int typos);

absl::Status ValueFault(std::string_view reason, const std::string& what,
                        std::string_view suggestion = {});

// The words as the language has them, without the key; in quotes where they must be, or always.
std::string WordsText(const WordsNode& node, bool quoted = false);
// In quotes where it must be.
std::string QuotedText(std::string_view value);

}  // namespace stockroom::api
