#include "services/api/search/query/check.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>
#include <variant>

#include "services/api/search/query/date.h"
#include "services/api/search/query/field_table.h"
#include "services/api/search/query/fields.h"
#include "services/api/search/query/query_parser.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"

namespace stockroom::api {
namespace {

absl::Status BadValue(const char* what) { return ValueFault("QUERY_BAD_VALUE", what); }

absl::Status TooLong() {
  return ValueFault("QUERY_TOO_LONG",
                    "as text, a query may have " + std::to_string(kMaxCanonicalBytes) + " bytes");
}

// A leaf as its builder makes it.
struct CheckLeaf {
  using Result = absl::StatusOr<QueryNode>;

  Result operator()(const WordsNode& node) const {
    if (node.fields == 0 || node.fields > kEveryField) return BadValue("there is no such field");
    for (const std::string& word : node.words) {
      if (word.empty()) return ValueFault("QUERY_EMPTY_VALUE", "a word is empty");
    }
    return WordsNodeOf(node.words, node.last_is_prefix, FieldNamesOf(node.fields), node.typos);
  }
  Result operator()(const RangeNode& node) const {
    if (node.field > NumberField::kCreated) return BadValue("there is no such field");
    SR_RETURN_IF_ERROR(CheckRange(node));
    return QueryNode{node};
  }
  Result operator()(const DatePattern& node) const {
    if (!IsPossible(node)) return ValueFault("QUERY_BAD_DATE", "there is no such day");
    return QueryNode{node};
  }
  Result operator()(const NearNode& node) const {
    return NearNodeOf(node.latitude, node.longitude, node.km);
  }
  Result operator()(const SimilarNode& node) const { return SimilarNodeOf(node.id, node.radius); }
  Result operator()(const HashNode& node) const {
    return HashNodeOf(HashText(node.hash), node.radius);
  }
  Result operator()(const OrientationNode& node) const {
    if (node.orientation > Orientation::kPanorama) return BadValue("there is no such orientation");
    return QueryNode{node};
  }
  Result operator()(const HasNode& node) const {
    if (node.field > HasField::kHash) return BadValue("there is no such field");
    return QueryNode{node};
  }
  Result operator()(const ValueNode& node) const {
    if (node.field > ValueField::kState) return BadValue("there is no such field");
    return ValueNodeOf(FieldOf(node.field).name, node.value, node.is_prefix);
  }
  Result operator()(const TagNode& node) const {
    return ValueNodeOf("tag", node.tag, node.is_prefix);
  }
  Result operator()(const DescriptionNode& node) const {
    return ValueNodeOf("description", node.line, false);
  }
  Result operator()(const ColorNode& node) const {
    if (node.rgb > 0xffffff) return BadValue("a color has three bytes");
    return QueryNode{node};
  }
  Result operator()(const Md5Node& node) const {
    return ValueNodeOf("md5", ToHex(node.md5), false);
  }
  template <typename Other>
  Result operator()(const Other& node) const {
    return QueryNode{node};
  }
};

class Checker {
 public:
  absl::StatusOr<QueryNode> Check(QueryNode node, int level) {
    if (level > kMaxQueryLevels) {
      return ValueFault("QUERY_TOO_DEEP",
                        "a query may have " + std::to_string(kMaxQueryLevels) + " levels");
    }
    const TextSpan span = node.span;
    SR_ASSIGN_OR_RETURN(QueryNode checked, CheckAny(std::move(node), level));
    if (checked.span.end == 0) checked.span = span;
    return checked;
  }

 private:
  absl::StatusOr<QueryNode> CheckAny(QueryNode node, int level) {
    if (auto* all = std::get_if<AndNode>(&node.is)) {
      SR_RETURN_IF_ERROR(CheckParts(all->parts, level));
      return AndOf(std::move(all->parts));
    }
    if (auto* any = std::get_if<OrNode>(&node.is)) {
      SR_RETURN_IF_ERROR(CheckParts(any->parts, level));
      return OrOf(std::move(any->parts));
    }
    if (auto* negated = std::get_if<NotNode>(&node.is)) {
      SR_RETURN_IF_ERROR(CheckParts(negated->part, level));
      if (negated->part.size() != 1) return BadValue("NOT is of one part");
      return NotOf(std::move(negated->part.front()));
    }
    if (++leaves_ > kMaxQueryLeaves) {
      return ValueFault("QUERY_TOO_MANY_TERMS",
                        "a query may have " + std::to_string(kMaxQueryLeaves) + " terms");
    }
    absl::StatusOr<QueryNode> leaf = std::visit(CheckLeaf(), node.is);
    const auto* words = leaf.ok() ? std::get_if<WordsNode>(&leaf->is) : nullptr;
    if (words != nullptr) words_ += words->words.size();
    if (words_ > kMaxQueryWords) {
      return ValueFault("QUERY_TOO_MANY_TERMS",
                        "a query may have " + std::to_string(kMaxQueryWords) + " words");
    }
    // Also of what is dropped afterwards, as it is there twice.
    if (leaf.ok()) bytes_ += CanonicalText(Query{*leaf}).size();
    if (bytes_ > kMaxCanonicalBytes) return TooLong();
    return leaf;
  }

  absl::Status CheckParts(std::vector<QueryNode>& parts, int level) {
    if (parts.empty()) return ValueFault("QUERY_EMPTY_LIST", "a group needs at least one part");
    for (QueryNode& part : parts) {
      SR_ASSIGN_OR_RETURN(part, Check(std::move(part), level + 1));
    }
    return absl::OkStatus();
  }

  int leaves_ = 0;
  size_t words_ = 0;
  size_t bytes_ = 0;  // as text
};

// As if it came from no text.
void ForgetSpans(QueryNode& node) {
  node.span = {};
  std::vector<QueryNode>* parts = nullptr;
  if (auto* all = std::get_if<AndNode>(&node.is)) parts = &all->parts;
  if (auto* any = std::get_if<OrNode>(&node.is)) parts = &any->parts;
  if (auto* negated = std::get_if<NotNode>(&node.is)) parts = &negated->part;
  if (parts == nullptr) return;
  for (QueryNode& part : *parts) ForgetSpans(part);
}

// What stands there twice finds nothing else, and weighs no more.
void DropRepeated(std::vector<QueryNode>& parts) {
  std::vector<QueryNode> once;
  for (QueryNode& part : parts) {
    const auto same = std::find(once.begin(), once.end(), part);
    if (same == once.end()) {
      once.push_back(std::move(part));
    } else {
      ForgetSpans(*same);
    }
  }
  parts = std::move(once);
}

// `Group` is AndNode or OrNode.
template <typename Group>
QueryNode GroupOf(std::vector<QueryNode> parts) {
  std::vector<QueryNode> flat;
  for (QueryNode& part : parts) {
    if (auto* same = std::get_if<Group>(&part.is)) {
      std::move(same->parts.begin(), same->parts.end(), std::back_inserter(flat));
    } else if (!std::is_same_v<Group, AndNode> ||
               !std::holds_alternative<EverythingNode>(part.is)) {
      flat.push_back(std::move(part));
    }
  }
  DropRepeated(flat);
  if (flat.empty()) return QueryNode{};
  if (flat.size() == 1) return std::move(flat.front());
  return QueryNode{Group{std::move(flat)}};
}

}  // namespace

QueryNode AndOf(std::vector<QueryNode> parts) { return GroupOf<AndNode>(std::move(parts)); }
QueryNode OrOf(std::vector<QueryNode> parts) { return GroupOf<OrNode>(std::move(parts)); }

QueryNode NotOf(QueryNode part) {
  if (auto* negated = std::get_if<NotNode>(&part.is)) {
    QueryNode inner = std::move(negated->part.front());
    return inner;
  }
  NotNode negated;
  negated.part.push_back(std::move(part));
  return QueryNode{std::move(negated)};
}

absl::StatusOr<Query> CheckQuery(Query query) {
  SR_ASSIGN_OR_RETURN(QueryNode root, Checker().Check(std::move(query.root), 1));
  Query checked{std::move(root)};
  if (CanonicalText(checked).size() > kMaxCanonicalBytes) return TooLong();
  return checked;
}

}  // namespace stockroom::api
