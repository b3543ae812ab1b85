#include "services/api/handlers/query_messages.h"

#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/api/search/query/check.h"
#include "services/api/search/query/fields.h"
#include "services/api/search/query/query_parser.h"
#include "services/common/base/status.h"

namespace stockroom::api {
namespace {

// The error with the part that it is about.
absl::Status At(const std::string& path, absl::Status status) {
  ErrorDetails details = DetailsOf(status);
  details.violations = {{path, std::string(status.message())}};
  AttachDetails(status, details);
  return Annotate(status, path);
}

absl::StatusOr<QueryNode> NodeOf(const v1::Query& message, const std::string& path, int level);

absl::StatusOr<std::vector<QueryNode>> PartsOf(const v1::Query::List& list, const std::string& path,
                                               int level) {
  std::vector<QueryNode> parts;
  for (int i = 0; i < list.parts_size(); ++i) {
    SR_ASSIGN_OR_RETURN(QueryNode part,
                        NodeOf(list.parts(i), absl::StrCat(path, ".parts[", i, "]"), level + 1));
    parts.push_back(std::move(part));
  }
  return parts;
}

absl::StatusOr<QueryNode> LeafOf(const v1::Query& message) {
  switch (message.is_case()) {
    case v1::Query::kWords: {
      const v1::Query::Words& words = message.words();
      return WordsNodeOf({words.words().begin(), words.words().end()}, words.prefix(),
                         {words.fields().begin(), words.fields().end()}, words.typos());
    }
    case v1::Query::kValue:
      return ValueNodeOf(message.value().field(), message.value().value(),
                         message.value().prefix());
    case v1::Query::kRange:
      return RangeNodeOf(message.range().field(), message.range().min(), message.range().max());
    case v1::Query::kNear:
      return NearNodeOf(message.near().latitude(), message.near().longitude(), message.near().km());
    case v1::Query::kSimilar: {
      const v1::Query::Similar& similar = message.similar();
      const std::optional<int> radius =
          similar.has_radius() ? std::optional<int>(similar.radius()) : std::nullopt;
      if (similar.id().empty() == similar.hash().empty()) {
        return InvalidArgument("QUERY_BAD_VALUE", "give either an id or a hash");
      }
      return similar.hash().empty() ? SimilarNodeOf(similar.id(), radius)
                                    : HashNodeOf(similar.hash(), radius);
    }
    default:
      return absl::InternalError("not a leaf");
  }
}

absl::StatusOr<QueryNode> NodeOf(const v1::Query& message, const std::string& path, int level) {
  if (level > kMaxQueryLevels) {
    return InvalidArgument("QUERY_TOO_DEEP",
                           absl::StrCat("the query has more than ", kMaxQueryLevels, " levels"));
  }
  switch (message.is_case()) {
    case v1::Query::kAnd: {
      SR_ASSIGN_OR_RETURN(std::vector<QueryNode> parts,
                          PartsOf(message.and_(), path + ".and", level));
      return QueryNode{.is = AndNode{std::move(parts)}};
    }
    case v1::Query::kOr: {
      SR_ASSIGN_OR_RETURN(std::vector<QueryNode> parts,
                          PartsOf(message.or_(), path + ".or", level));
      return QueryNode{.is = OrNode{std::move(parts)}};
    }
    case v1::Query::kNot: {
      SR_ASSIGN_OR_RETURN(QueryNode part, NodeOf(message.not_(), path + ".not", level + 1));
      NotNode node;
      node.part.push_back(std::move(part));
      return QueryNode{.is = std::move(node)};
    }
    case v1::Query::IS_NOT_SET:
      // Of a client that knows more than this: not to be taken for everything.
      if (!message.GetReflection()->GetUnknownFields(message).empty()) {
        return At(path, InvalidArgument("QUERY_UNKNOWN_NODE", "is of a kind that is not known"));
      }
      return QueryNode();
    default: {
      absl::StatusOr<QueryNode> leaf = LeafOf(message);
      if (leaf.ok()) return leaf;
      const std::string& name =
          v1::Query::descriptor()->FindFieldByNumber(message.is_case())->name();
      return At(path + "." + name, leaf.status());
    }
  }
}

void Write(const QueryNode& node, v1::Query* out);

// What ValueTextOf names; else nothing.
void WriteValue(const QueryNode& node, v1::Query* out) {
  const std::optional<ValueText> text = ValueTextOf(node);
  if (!text) return;
  v1::Query::Value* value = out->mutable_value();
  value->set_field(text->field);
  value->set_value(text->value);
  value->set_prefix(text->prefix);
}

struct Writer {
  const QueryNode& node;
  v1::Query* out;

  void operator()(const EverythingNode&) const {}
  void operator()(const AndNode& group) const {
    for (const QueryNode& part : group.parts) Write(part, out->mutable_and_()->add_parts());
  }
  void operator()(const OrNode& group) const {
    for (const QueryNode& part : group.parts) Write(part, out->mutable_or_()->add_parts());
  }
  void operator()(const NotNode& negated) const {
    Write(negated.part.front(), out->mutable_not_());
  }
  void operator()(const WordsNode& from) const {
    v1::Query::Words* words = out->mutable_words();
    for (const std::string& word : from.words) words->add_words(word);
    words->set_prefix(from.last_is_prefix);
    for (const std::string& field : FieldNamesOf(from.fields)) words->add_fields(field);
    words->set_typos(from.typos);
  }
  void operator()(const RangeNode& from) const {
    const RangeText text = RangeTextOf(from);
    out->mutable_range()->set_field(text.field);
    out->mutable_range()->set_min(text.min);
    out->mutable_range()->set_max(text.max);
  }
  void operator()(const NearNode& from) const {
    out->mutable_near()->set_latitude(from.latitude);
    out->mutable_near()->set_longitude(from.longitude);
    out->mutable_near()->set_km(from.km);
  }
  void operator()(const SimilarNode& from) const {
    out->mutable_similar()->set_id(from.id);
    out->mutable_similar()->set_radius(from.radius);
  }
  void operator()(const HashNode& from) const {
    out->mutable_similar()->set_hash(HashText(from.hash));
    out->mutable_similar()->set_radius(from.radius);
  }
  template <typename Value>
  void operator()(const Value&) const {
    WriteValue(node, out);
  }
};

void Write(const QueryNode& node, v1::Query* out) { std::visit(Writer{node, out}, node.is); }

}  // namespace

absl::StatusOr<Query> FromMessage(const v1::Query& message) {
  SR_ASSIGN_OR_RETURN(QueryNode root, NodeOf(message, "query", 1));
  return CheckQuery(Query{.root = std::move(root)});
}

void ToMessage(const Query& query, v1::Query* out) { Write(query.root, out); }

}  // namespace stockroom::api
