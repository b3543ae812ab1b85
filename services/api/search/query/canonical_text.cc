#include <algorithm>
#include <charconv>

#include "services/api/search/query/field_table.h"
#include "services/api/search/query/fields.h"
#include "services/api/search/query/query.h"
#include "services/common/base/strings.h"

namespace stockroom::api {
namespace {

bool IsPlain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-' ||
         c == '#';
}

std::string NumberText(double value) {
  char digits[64];
  const auto end =
      std::to_chars(std::begin(digits), std::end(digits), value, std::chars_format::fixed);
  return std::string(std::begin(digits), end.ptr);
}

std::string KeyOf(FieldMask fields) {
  if (fields == kEveryField) return "";
  if (fields == MaskOf(TextField::kTitle)) return "title:";
  if (fields == MaskOf(TextField::kFilename)) return "filename:";
  std::string key;
  for (const std::string& name : FieldNamesOf(fields)) key += (key.empty() ? "in:" : ",") + name;
  return key + ":";
}

std::string RadiusText(int radius) {
  return radius == kPdqRadius ? "" : "~" + std::to_string(radius);
}

std::string NodeText(const QueryNode& node);

bool IsGroup(const QueryNode& node) {
  return std::holds_alternative<AndNode>(node.is) || std::holds_alternative<OrNode>(node.is);
}

std::string PartText(const QueryNode& node) {
  return IsGroup(node) ? "(" + NodeText(node) + ")" : NodeText(node);
}

std::string Joined(const std::vector<QueryNode>& parts, const char* between) {
  std::string text;
  for (const QueryNode& part : parts) {
    if (!text.empty()) text += between;
    text += PartText(part);
  }
  return text;
}

struct ToText {
  std::string operator()(const EverythingNode&) const { return "*"; }
  std::string operator()(const AndNode& node) const { return Joined(node.parts, " "); }
  std::string operator()(const OrNode& node) const { return Joined(node.parts, " OR "); }
  std::string operator()(const NotNode& node) const { return "-" + PartText(node.part.at(0)); }
  std::string operator()(const WordsNode& node) const {
    return KeyOf(node.fields) + WordsText(node);
  }
  std::string operator()(const RangeNode& node) const {
    const RangeText text = RangeTextOf(node);
    if (text.max.empty() && !text.min.empty()) return text.field + ">=" + text.min;
    if (text.min.empty() && !text.max.empty()) return text.field + "<=" + text.max;
    return text.field + ":" + text.min + ".." + text.max;
  }
  std::string operator()(const NearNode& node) const {
    return "near:" + NumberText(node.latitude) + "," + NumberText(node.longitude) + "," +
           NumberText(node.km) + "km";
  }
  std::string operator()(const HashNode& node) const {
    return "hash:" + HashText(node.hash) + RadiusText(node.radius);
  }
  std::string operator()(const SimilarNode& node) const {
    return "similar:" + node.id + RadiusText(node.radius);
  }
  template <typename Value>
  std::string operator()(const Value& node) const {
    const ValueText text = *ValueTextOf(QueryNode{node});
    const std::string key = text.field == "description" ? "desc" : text.field;
    const bool bare = std::holds_alternative<DatePattern>(QueryNode{node}.is);
    return key + ":" + (bare ? text.value : QuotedText(text.value)) + (text.prefix ? "*" : "");
  }
};

std::string NodeText(const QueryNode& node) { return std::visit(ToText(), node.is); }

}  // namespace

bool operator==(const QueryNode& a, const QueryNode& b) { return a.is == b.is; }

std::string QuotedText(std::string_view value) {
  if (!value.empty() && std::all_of(value.begin(), value.end(), IsPlain)) return std::string(value);
  // There is no escape for a quote; the full-width one is folded to it.
  constexpr std::string_view kWideQuote = "\uff02";
  std::string quoted = "\"";
  for (const char c : value) {
    if (c == '"') {
      quoted += kWideQuote;
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

std::string WordsText(const WordsNode& node, bool quoted) {
  std::string text;
  for (const std::string& word : node.words) text += (text.empty() ? "" : " ") + word;
  const bool is_plain =
      !quoted && node.words.size() == 1 && (node.last_is_prefix || node.typos > 0);
  if (!is_plain) text = "\"" + text + "\"";
  if (node.typos > 0) text += "~" + std::to_string(node.typos);
  // Behind a bare word it goes without saying.
  if (node.last_is_prefix && (!is_plain || node.typos > 0)) text += "*";
  return text;
}

std::string CanonicalText(const QueryNode& node) { return NodeText(node); }

std::string CanonicalText(const Query& query) {
  return query.IsEverything() ? "" : NodeText(query.root);
}

}  // namespace stockroom::api
