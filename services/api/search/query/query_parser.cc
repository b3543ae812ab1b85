#include "services/api/search/query/query_parser.h"

#include <unicode/uchar.h>
#include <unicode/utf8.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "services/api/search/query/check.h"
#include "services/api/search/query/field_table.h"
#include "services/api/search/text/text_fold.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"

namespace stockroom::api {
namespace {

absl::Status QueryError(size_t offset, const absl::Status& fault) {
  const std::string position = std::to_string(offset + 1);
  const std::string what(fault.message());
  ErrorDetails details = DetailsOf(fault);
  details.metadata["position"] = position;
  details.violations = {{"q", what}};
  return MakeStatus(absl::StatusCode::kInvalidArgument, "query, position " + position + ": " + what,
                    std::move(details));
}

absl::Status QueryError(std::string_view reason, size_t offset, const std::string& what,
                        std::string_view suggestion = {}) {
  return QueryError(offset, ValueFault(reason, what, suggestion));
}

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

enum class Operator : uint8_t { kNone, kAnd, kOr, kNot };
struct OperatorSign {
  std::string_view text;
  Operator is;
};
constexpr OperatorSign kOperators[] = {{"AND", Operator::kAnd},
                                       {"&&", Operator::kAnd},
                                       {"OR", Operator::kOr},
                                       {"||", Operator::kOr},
                                       {"NOT", Operator::kNot}};

// The key in front of parentheses, which every term in them has.
struct Key {
  const FieldInfo* field = nullptr;  // null: none
  FieldMask fields = kEveryField;
};

// By recursive descent; only parentheses nest, and they are counted.
class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  absl::StatusOr<Query> Parse() {
    SR_ASSIGN_OR_RETURN(std::optional<QueryNode> root, ParseAny({}));
    if (!AtEnd()) {
      return QueryError("QUERY_UNBALANCED", at_,
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

  bool AtEnd() const { return at_ >= text_.size(); }
  bool At(char c) const { return !AtEnd() && text_[at_] == c; }

  // Bytes of the white space at `at`, 0 if there is none.
  size_t SpaceAt(size_t at) const {
    if (at >= text_.size()) return 0;
    const auto first = static_cast<unsigned char>(text_[at]);
    if (first < 0x80) return first == ' ' || (first >= '\t' && first <= '\r') ? 1 : 0;
    int32_t i = static_cast<int32_t>(at);
    UChar32 c = 0;
    U8_NEXT(text_.data(), i, static_cast<int32_t>(text_.size()), c);
    return c >= 0 && u_isUWhiteSpace(c) ? static_cast<size_t>(i) - at : 0;
  }
  void SkipSpace() {
    while (!AtEnd()) {
      const size_t space = SpaceAt(at_);
      if (space == 0) return;
      at_ += space;
    }
  }

  // Up to white space, one of `stops` or a parenthesis that none in it opens: "img_(1)" is one.
  std::string_view TakeBare(std::string_view stops) {
    const size_t begin = at_;
    int open = 0;
    const auto stops_at = [stops](char c) {
      return std::any_of(stops.begin(), stops.end(), [c](char stop) { return c == stop; });
    };
    for (; !AtEnd() && !stops_at(text_[at_]); ++at_) {
      if (At(')') && --open < 0) break;
      if (At('(')) ++open;
      if (SpaceAt(at_) > 0) break;
    }
    return text_.substr(begin, at_ - begin);
  }

  absl::StatusOr<std::string_view> TakeQuoted() {
    const size_t end = text_.find('"', at_ + 1);
    if (end == std::string_view::npos) {
      return QueryError("QUERY_UNTERMINATED_QUOTE", at_, "the quote is never closed");
    }
    const std::string_view inside = text_.substr(at_ + 1, end - at_ - 1);
    at_ = end + 1;
    return inside;
  }

  Operator OperatorAt(size_t& length) const {
    for (const OperatorSign& sign : kOperators) {
      // Nearly always told by the first letter.
      if (!At(sign.text[0])) continue;
      if (text_.substr(at_, sign.text.size()) != sign.text) continue;
      const size_t end = at_ + sign.text.size();
      length = sign.text.size();
      if (end == text_.size() || text_[end] == '"' || text_[end] == '(' || text_[end] == ')' ||
          SpaceAt(end) > 0) {
        return sign.is;
      }
    }
    return Operator::kNone;
  }

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
      const bool goes_on = OperatorAt(length) == Operator::kOr;
      if (!part && !goes_on && parts.empty()) return std::optional<QueryNode>();
      if (!part) return MissingOperand(goes_on ? at_ : or_at_);
      parts.push_back(*std::move(part));
      if (!goes_on) return std::optional<QueryNode>(OrOf(std::move(parts)));
      or_at_ = at_;
      at_ += length;
    }
  }

  // a AND b c: up to OR, the end or the closing parenthesis.
  MaybeNode ParseAll(const Key& key) {
    std::vector<QueryNode> parts;
    bool empty = true;
    std::optional<size_t> and_at;
    for (;;) {
      SkipSpace();
      size_t length = 0;
      const Operator next = AtEnd() ? Operator::kNone : OperatorAt(length);
      if (AtEnd() || At(')') || next == Operator::kOr) break;
      if (next == Operator::kAnd) {
        if (empty || and_at) return MissingOperand(at_);
        and_at = at_;
        at_ += length;
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

  // A "-" in front of something; one between words is a dash.
  bool TakeMinus() {
    if (!At('-') || at_ + 1 >= text_.size() || text_[at_ + 1] == ')' || SpaceAt(at_ + 1) > 0) {
      return false;
    }
    ++at_;
    return true;
  }

  // A term with any number of NOT and "-" before it.
  MaybeNode ParseSigned(const Key& key) {
    bool negated = false;
    std::optional<size_t> not_at;
    for (;;) {
      SkipSpace();
      size_t length = 0;
      const Operator next = AtEnd() ? Operator::kNone : OperatorAt(length);
      if (next == Operator::kNot) {
        not_at = at_;
        at_ += length;
        negated = !negated;
        continue;
      }
      if (AtEnd() || At(')') || next != Operator::kNone)
        return MissingOperand(not_at.value_or(at_));
      bool minus = false;
      while (TakeMinus()) minus = !minus;
      SR_ASSIGN_OR_RETURN(std::optional<QueryNode> term, ParseTerm(key));
      if (term && negated != minus) return std::optional<QueryNode>(NotOf(*std::move(term)));
      // Punctuation is skipped, also behind NOT.
      if (term || !not_at) return term;
    }
  }

  MaybeNode ParseTerm(const Key& key) {
    if (At('(')) return ParseGroup(key);
    if (key.field != nullptr) return ParseValue(key, at_);
    const size_t begin = at_;
    if (At('"')) {
      SR_RETURN_IF_ERROR(CountTerm(begin));
      return ParsePlain({}, begin);
    }
    const std::string_view word = TakeBare("\"");
    const size_t colon = word.find(':');
    const size_t sign = word.find_first_of("<>=");
    if (sign != std::string_view::npos && sign > 0 && sign < colon) {
      SR_ASSIGN_OR_RETURN(std::optional<QueryNode> node, ParseComparison(word, begin, sign));
      if (node) return node;
    } else if (colon != std::string_view::npos && colon > 0) {
      at_ = begin + colon + 1;
      SR_ASSIGN_OR_RETURN(const Key found, ReadKey(FoldText(word.substr(0, colon)), begin));
      return ParseValue(found, begin);
    }
    SR_RETURN_IF_ERROR(CountTerm(begin));
    SR_RETURN_IF_ERROR(CheckNoSpace(word));
    at_ = begin;
    return ParsePlain({}, begin);
  }

  MaybeNode ParseGroup(const Key& key) {
    const size_t begin = at_;
    if (++open_ > kMaxQueryLevels) return TooDeep(begin);
    ++at_;
    SR_ASSIGN_OR_RETURN(std::optional<QueryNode> node, ParseAny(key));
    if (!At(')')) {
      return QueryError("QUERY_UNBALANCED", begin, "this parenthesis is never closed");
    }
    ++at_;
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
    at_ = begin + sign + (equal ? 1 : 0);
    return ParseValue({field}, begin);
  }

  // "w >= 3000" would look for two words.
  absl::Status CheckNoSpace(std::string_view word) {
    SkipSpace();
    if (!At('<') && !At('>')) return absl::OkStatus();
    const FieldInfo* field = FindField(FoldText(word));
    if (field == nullptr || !HasOrder(*field)) return absl::OkStatus();
    return QueryError(
        "QUERY_BAD_RANGE", at_,
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
      const size_t begin = at_;
      const std::optional<TextField> field = TextFieldOf(FoldText(TakeBare(",:")));
      if (!field || AtEnd() || (!At(',') && !At(':'))) {
        return QueryError("QUERY_UNKNOWN_KEY", begin,
                          "expected fields out of title, description, tag, filename and attribute, "
                          "as in in:title,tag:fox");
      }
      fields |= MaskOf(*field);
      if (text_[at_++] == ':') return fields;
    }
  }

  // What stands behind a key, maybe in parentheses. `begin`: of the whole term.
  MaybeNode ParseValue(const Key& key, size_t begin) {
    if (At('(')) return ParseGroup(key);
    if (key.field->kind == FieldKind::kTag) return ParseTags(key, begin);
    SR_RETURN_IF_ERROR(CountTerm(begin));
    return ParseOne(key, begin, "");
  }

  MaybeNode ParseTags(const Key& key, size_t begin) {
    std::vector<QueryNode> tags;
    for (;;) {
      SR_RETURN_IF_ERROR(CountTerm(at_));
      SR_ASSIGN_OR_RETURN(std::optional<QueryNode> tag,
                          ParseOne(key, tags.empty() ? begin : at_, ","));
      tags.push_back(*std::move(tag));
      if (!At(',')) return std::optional<QueryNode>(AndOf(std::move(tags)));
      ++at_;
    }
  }

  MaybeNode ParseOne(const Key& key, size_t begin, std::string_view stops) {
    const bool is_words =
        key.field->kind == FieldKind::kWords || key.field->kind == FieldKind::kWordsIn;
    if (is_words) begin = at_;
    const size_t value_at = at_;
    SR_ASSIGN_OR_RETURN(const RawValue value,
                        TakeValue(stops, TakesStar(*key.field), TakesTilde(*key.field)));
    absl::StatusOr<QueryNode> node = ReadField(*key.field, key.fields, value);
    if (!node.ok()) return QueryError(value_at, node.status());
    node->span = SpanFrom(begin);
    // has:none(tags)
    if (auto* negated = std::get_if<NotNode>(&node->is)) negated->part.front().span = node->span;
    return std::optional<QueryNode>(*std::move(node));
  }

  // A word or phrase of any field. None: punctuation.
  MaybeNode ParsePlain(const Key& key, size_t begin) {
    SR_ASSIGN_OR_RETURN(const RawValue value, TakeValue("\"", true, true));
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
    return {static_cast<uint32_t>(begin), static_cast<uint32_t>(at_)};
  }

  absl::StatusOr<RawValue> TakeValue(std::string_view stops, bool star, bool tilde) {
    RawValue value;
    if (At('"')) {
      SR_ASSIGN_OR_RETURN(value.text, TakeQuoted());
      value.quoted = true;
      // Only what stands directly behind the quote.
      const size_t begin = at_;
      size_t end = at_;
      if (tilde && end < text_.size() && text_[end] == '~') {
        ++end;
        while (end < text_.size() && text_[end] >= '0' && text_[end] <= '9') ++end;
      }
      if (star && end < text_.size() && text_[end] == '*') ++end;
      TakeMarks(text_.substr(begin, end - begin), star, tilde, value);
      at_ = end;
      return value;
    }
    value.text = TakeBare(stops);
    value.text = TakeMarks(value.text, star, tilde, value);
    return value;
  }

  // Takes "*", "~", "~2" and "~2*" off the end of `text`.
  static std::string_view TakeMarks(std::string_view text, bool star, bool tilde, RawValue& value) {
    if (star && !text.empty() && text.back() == '*') {
      value.star = true;
      text.remove_suffix(1);
    }
    const size_t sign = text.rfind('~');
    if (!tilde || sign == std::string_view::npos) return text;
    const std::string_view digits = text.substr(sign + 1);
    if (!std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; })) {
      return text;
    }
    // Of a number that is too large any one will do that is too large.
    constexpr size_t kDigits = 6;
    value.tilde = digits.empty() ? 1 : std::stoi(std::string(digits.substr(0, kDigits)));
    return text.substr(0, sign);
  }

  const std::string_view text_;
  size_t at_ = 0;
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
