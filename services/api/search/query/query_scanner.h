// The text of a query, taken apart from its beginning: words, quotes, operators. What they mean is
// the parser's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/api/search/query/field_table.h"

namespace stockroom::api {

// INVALID_ARGUMENT at this byte of the query; see ParseSearchQuery.
absl::Status QueryError(size_t offset, const absl::Status& fault);
absl::Status QueryError(std::string_view reason, size_t offset, const std::string& what,
                        std::string_view suggestion = {});

enum class Operator : uint8_t { kNone, kAnd, kOr, kNot };

class QueryScanner {
 public:
  // UTF-8, which must outlive it.
  explicit QueryScanner(std::string_view text) : text_(text) {}

  // Bytes that have been taken.
  size_t at() const { return at_; }
  void MoveTo(size_t at) { at_ = at; }
  void Skip(size_t bytes) { at_ += bytes; }
  bool AtEnd() const { return at_ >= text_.size(); }
  bool At(char c) const { return !AtEnd() && text_[at_] == c; }

  void SkipSpace();
  // A "-" in front of something; one between words is a dash.
  bool TakeMinus();
  // Up to white space, one of `stops` or a parenthesis that none in it opens: "img_(1)" is one.
  std::string_view TakeBare(std::string_view stops);
  // Quoted or up to one of `stops`, with the marks behind it that are allowed: "*", "~".
  // QUERY_UNTERMINATED_QUOTE.
  absl::StatusOr<RawValue> TakeValue(std::string_view stops, bool star, bool tilde);

  // The operator that comes next, and its bytes. Not taken.
  Operator OperatorAt(size_t& length) const;

 private:
  size_t SpaceAt(size_t at) const;
  absl::StatusOr<std::string_view> TakeQuoted();

  const std::string_view text_;
  size_t at_ = 0;
};

}  // namespace stockroom::api
