#include "services/api/search/query/query_parser.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "services/api/search/query/check.h"
#include "services/api/search/query/field_table.h"
#include "services/api/search/query/query_scanner.h"
#include "services/api/search/text/text_fold.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"

namespace stockroom::api {
namespace {

int LevelsOf(const QueryNode& node) {
  const std::vector<QueryNode>* parts = nullptr;
  if (const auto* all = std::get_if<AndNode>(&node.is)) parts = &all->parts;
  if (const auto* any = std::get_if<OrNode>(&node.is)) parts = &any->parts;
  if (const auto* negated = std::get_if<NotNode>(&node.is)) parts = &negated->part;
  int below = 0;
  if (parts != nullptr) {
    for (const QueryNode& part : *parts) below = std::max(below, LevelsOf(part));
  }
  return below + 1;
}

// The key in front of parentheses, which every term in them has.
struct Key {
  const FieldInfo* field = nullptr;  // null: none
  FieldMask fields = kEveryField;
};

// By recursive descent; only parentheses nest, and they are counted.
class Parser {
 public:
  explicit Parser(std::string_view text) : in_(text) {}

  absl::StatusOr<Query> Parse() {
    SR_ASSIGN_OR_RETURN(std::optional<QueryNode> root, ParseAny({}));
    if (!in_.AtEnd()) {
      return QueryError("QUERY_UNBALANCED", in_.at(),
                        "this parenthesis closes none; to look for it, put it in quotes");
    }
    if (!root && terms_ > 0) {
      return QueryError("QUERY_NO_WORDS", 0, "there is no letter, digit or symbol to look for");
    }
    if (!root) return Query{};
    SR_RETURN_IF_ERROR(CheckLevels(*root, 0));
    return Query{*std::move(root)};
  }

 private:
  using MaybeNode = absl::StatusOr<std::optional<QueryNode>>;

  absl::Status MissingOperand(size_t offset) const {
    return QueryError("QUERY_MISSING_OPERAND", offset,
                      "AND, OR and NOT need something to connect; to look for such a word, put it "
                      "in quotes");
  }

  absl::Status CheckLevels(const QueryNode& node, size_t offset) const {
    if (LevelsOf(node) <= kMaxQueryLevels) return absl::OkStatus();
    return TooDeep(offset);
  }
  absl::Status TooDeep(size_t offset) const {
    return QueryError("QUERY_TOO_DEEP", offset,
                      "a query may have " + std::to_string(kMaxQueryLevels) + " levels");
  }

  absl::Status CountTerm(size_t offset) {
    if (++terms_ <= kMaxQueryLeaves) return absl::OkStatus();
    return QueryError("QUERY_TOO_MANY_TERMS", offset,
                      "a query may have " + std::to_string(kMaxQueryLeaves) + " terms");
  }

  // a b OR c d: up to the end or the closing parenthesis. None: there is nothing but punctuation.
  MaybeNode ParseAny(const Key& key) {
    std::vector<QueryNode> parts;
    for (;;) {
      SR_ASSIGN_OR_RETURN(std::optional<QueryNode> part, ParseAll(key));
      size_t length = 0;
      const bool goes_on = in_.OperatorAt(length) == Operator::kOr;
      if (!part && !goes_on && parts.empty()) return std::optional<QueryNode>();
      if (!part) return MissingOperand(goes_on ? in_.at() : or_at_);
      parts.push_back(*std::move(part));
      if (!goes_on) return std::optional<QueryNode>(OrOf(std::move(parts)));
      or_at_ = in_.at();
      in_.Skip(length);
    }
  }

  // a AND b c: up to OR, the end or the closing parenthesis.
  MaybeNode ParseAll(const Key& key) {
    std::vector<QueryNode> parts;
    bool empty = true;
    std::optional<size_t> and_at;
    for (;;) {
      in_.SkipSpace();
      size_t length = 0;
      const Operator next = in_.AtEnd() ? Operator::kNone : in_.OperatorAt(length);
      if (in_.AtEnd() || in_.At(')') || next == Operator::kOr) break;
      if (next == Operator::kAnd) {
        if (empty || and_at) return MissingOperand(in_.at());
        and_at = in_.at();
        in_.Skip(length);
        continue;
      }
      SR_ASSIGN_OR_RETURN(std::optional<QueryNode> part, ParseSigned(key));
      if (!part) continue;
      parts.push_back(*std::move(part));
      empty = false;
      and_at.reset();
    }
    if (and_at) return MissingOperand(*and_at);
    if (empty) return std::optional<QueryNode>();
    return std::optional<QueryNode>(AndOf(std::move(parts)));
  }

  // A term with any number of NOT and "-" before it.
  MaybeNode ParseSigned(const Key& key) {
    bool negated = false;
    std::optional<size_t> not_at;
    for (;;) {
      in_.SkipSpace();
      size_t length = 0;
      const Operator next = in_.AtEnd() ? Operator::kNone : in_.OperatorAt(length);
      if (next == Operator::kNot) {
        not_at = in_.at();
        in_.Skip(length);
        negated = !negated;
        continue;
      }
      if (in_.AtEnd() || in_.At(')') || next != Operator::kNone)
        return MissingOperand(not_at.value_or(in_.at()));
      bool minus = false;
      while (in_.TakeMinus()) minus = !minus;
      SR_ASSIGN_OR_RETURN(std::optional<QueryNode> term, ParseTerm(key));
      if (term && negated != minus) return std::optional<QueryNode>(NotOf(*std::move(term)));
      // Punctuation is skipped, also behind NOT.
      if (term || !not_at) return term;
    }
  }

  MaybeNode ParseTerm(const Key& key) {
    if (in_.At('(')) return ParseGroup(key);
    if (key.field != nullptr) return ParseValue(key, in_.at());
    const size_t begin = in_.at();
    if (in_.At('"')) {
      SR_RETURN_IF_ERROR(CountTerm(begin));
      return ParsePlain({}, begin);
    }
    const std::string_view word = in_.TakeBare("\"");
    const size_t colon = word.find(':');
    const size_t sign = word.find_first_of("<>=");
    if (sign != std::string_view::npos && sign > 0 && sign < colon) {
      SR_ASSIGN_OR_RETURN(std::optional<QueryNode> node, ParseComparison(word, begin, sign));
      if (node) return node;
    } else if (colon != std::string_view::npos && colon > 0) {
      in_.MoveTo(begin + colon + 1);
      SR_ASSIGN_OR_RETURN(const Key found, ReadKey(FoldText(word.substr(0, colon)), begin));
      return ParseValue(found, begin);
    }
    SR_RETURN_IF_ERROR(CountTerm(begin));
    SR_RETURN_IF_ERROR(CheckNoSpace(word));
    in_.MoveTo(begin);
    return ParsePlain({}, begin);
  }

  MaybeNode ParseGroup(const Key& key) {
    const size_t begin = in_.at();
    if (++open_ > kMaxQueryLevels) return TooDeep(begin);
    in_.Skip(1);
    SR_ASSIGN_OR_RETURN(std::optional<QueryNode> node, ParseAny(key));
    if (!in_.At(')')) {
      return QueryError("QUERY_UNBALANCED", begin, "this parenthesis is never closed");
    }
    in_.Skip(1);
    --open_;
    if (!node) {
      return QueryError("QUERY_MISSING_OPERAND", begin, "there is nothing in the parentheses");
    }
    SR_RETURN_IF_ERROR(CheckLevels(*node, begin));
    return node;
  }

  // "w>=3000". None: it is not meant as one.
  MaybeNode ParseComparison(std::string_view word, size_t begin, size_t sign) {
    const std::string name = FoldText(word.substr(0, sign));
    const FieldInfo* field = FindField(name);
    const bool equal = word[sign] == '=';
    if (field == nullptr && !equal) {
      const std::string_view nearest = NearestField(name, true);
      if (!nearest.empty()) return UnknownKey(name, nearest, begin);
    }
    if (field == nullptr || (equal && !HasOrder(*field))) return std::optional<QueryNode>();
    if (!HasOrder(*field)) {
      return QueryError("QUERY_BAD_RANGE", begin + sign,
                        name + ": has no order; it is used as in " + std::string(field->example));
    }
    // ParseRange reads the sign as well, but for "=", which is ":".
    in_.MoveTo(begin + sign + (equal ? 1 : 0));
    return ParseValue({field}, begin);
  }

  // "w >= 3000" would look for two words.
  absl::Status CheckNoSpace(std::string_view word) {
    in_.SkipSpace();
    if (!in_.At('<') && !in_.At('>')) return absl::OkStatus();
    const FieldInfo* field = FindField(FoldText(word));
    if (field == nullptr || !HasOrder(*field)) return absl::OkStatus();
    return QueryError(
        "QUERY_BAD_RANGE", in_.at(),
        "comparisons are written without spaces, as in " + std::string(field->example));
  }

  absl::Status UnknownKey(const std::string& name, std::string_view nearest, size_t begin) const {
    std::string what = "unknown key \"" + name + ":\"; ";
    if (nearest.empty()) {
      what += "there are " + FieldNames();
    } else {
      what.append("did you mean ").append(nearest).append(":?");
    }
    what += ". To look for text with a colon in it, put it in quotes";
    return QueryError("QUERY_UNKNOWN_KEY", begin, what, nearest);
  }

  absl::StatusOr<Key> ReadKey(const std::string& name, size_t begin) {
    const FieldInfo* field = FindField(name);
    if (field == nullptr) return UnknownKey(name, NearestField(name, false), begin);
    Key key{field};
    if (field->kind == FieldKind::kWords) key.fields = MaskOf(static_cast<TextField>(field->which));
    if (field->kind == FieldKind::kWordsIn) {
      SR_ASSIGN_OR_RETURN(key.fields, ReadTextFields());
    }
    return key;
  }

  // "title,tag:" behind "in:".
  absl::StatusOr<FieldMask> ReadTextFields() {
    FieldMask fields = 0;
    for (;;) {
      const size_t begin = in_.at();
      const std::optional<TextField> field = TextFieldOf(FoldText(in_.TakeBare(",:")));
      if (!field || in_.AtEnd() || (!in_.At(',') && !in_.At(':'))) {
        return QueryError("QUERY_UNKNOWN_KEY", begin,
                          "expected fields out of title, description, tag, filename and attribute, "
                          "as in in:title,tag:fox");
      }
      fields |= MaskOf(*field);
      const bool is_last = in_.At(':');
      in_.Skip(1);
      if (is_last) return fields;
    }
  }

  // What stands behind a key, maybe in parentheses. `begin`: of the whole term.
  MaybeNode ParseValue(const Key& key, size_t begin) {
    if (in_.At('(')) return ParseGroup(key);
    if (key.field->kind == FieldKind::kTag) return ParseTags(key, begin);
    SR_RETURN_IF_ERROR(CountTerm(begin));
    return ParseOne(key, begin, "");
  }

  MaybeNode ParseTags(const Key& key, size_t begin) {
    std::vector<QueryNode> tags;
    for (;;) {
      SR_RETURN_IF_ERROR(CountTerm(in_.at()));
      SR_ASSIGN_OR_RETURN(std::optional<QueryNode> tag,
                          ParseOne(key, tags.empty() ? begin : in_.at(), ","));
      tags.push_back(*std::move(tag));
      if (!in_.At(',')) return std::optional<QueryNode>(AndOf(std::move(tags)));
      in_.Skip(1);
    }
  }

  MaybeNode ParseOne(const Key& key, size_t begin, std::string_view stops) {
    const bool is_words =
        key.field->kind == FieldKind::kWords || key.field->kind == FieldKind::kWordsIn;
    if (is_words) begin = in_.at();
    const size_t value_at = in_.at();
    SR_ASSIGN_OR_RETURN(const RawValue value,
                        in_.TakeValue(stops, TakesStar(*key.field), TakesTilde(*key.field)));
    absl::StatusOr<QueryNode> node = ReadField(*key.field, key.fields, value);
    if (!node.ok()) return QueryError(value_at, node.status());
    node->span = SpanFrom(begin);
    // has:none(tags)
    if (auto* negated = std::get_if<NotNode>(&node->is)) negated->part.front().span = node->span;
    return std::optional<QueryNode>(*std::move(node));
  }

  // A word or phrase of any field. None: punctuation.
  MaybeNode ParsePlain(const Key& key, size_t begin) {
    SR_ASSIGN_OR_RETURN(const RawValue value, in_.TakeValue("\"", true, true));
    if (!value.quoted && value.star && value.text.empty()) {
      return std::optional<QueryNode>(QueryNode{EverythingNode{}, SpanFrom(begin)});
    }
    if (SplitWords(FoldText(value.text)).empty()) return std::optional<QueryNode>();
    absl::StatusOr<QueryNode> node =
        ReadWords(value.text, value.star || !(value.quoted || value.tilde), key.fields,
                  value.tilde.value_or(0));
    if (!node.ok()) return QueryError(begin, node.status());
    node->span = SpanFrom(begin);
    return std::optional<QueryNode>(*std::move(node));
  }

  TextSpan SpanFrom(size_t begin) const {
    return {static_cast<uint32_t>(begin), static_cast<uint32_t>(in_.at())};
  }

  QueryScanner in_;
  size_t or_at_ = 0;
  int terms_ = 0;
  int open_ = 0;
};

}  // namespace

absl::StatusOr<Query> ParseSearchQuery(std::string_view text, size_t max_bytes) {
  if (text.size() > max_bytes) {
    return QueryError("QUERY_TOO_LONG", max_bytes,
                      "a query may have " + std::to_string(max_bytes) + " bytes");
  }
  if (!IsCleanUtf8(text)) return QueryError("QUERY_NOT_TEXT", 0, "the query is not UTF-8 text");
  return Parser(text).Parse();
}

}  // namespace stockroom::api
