#include "services/api/search/query/fields.h"

#include <bit>

#include "services/api/search/query/field_table.h"
#include "services/api/search/query/query_parser.h"
#include "services/api/search/similar/color.h"
#include "services/api/search/text/text_fold.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"

namespace stockroom::api {
namespace {

constexpr int kTextFieldCount = 5;

absl::StatusOr<const FieldInfo*> Known(std::string_view name) {
  const FieldInfo* field = name.size() > kMaxQueryBytes ? nullptr : FindField(FoldLine(name));
  if (field != nullptr) return field;
  const std::string shown = IsCleanUtf8(name) ? std::string(name.substr(0, 40)) : "";
  const std::string_view nearest = NearestField(FoldLine(shown), false);
  std::string message = "there is no field \"" + shown + "\"";
  if (!nearest.empty()) message += "; did you mean " + std::string(nearest) + "?";
  return ValueFault("QUERY_UNKNOWN_KEY", message, nearest);
}

absl::Status NotForValues(const FieldInfo& field, std::string_view instead) {
  return ValueFault(
      "QUERY_UNKNOWN_KEY",
      std::string(field.name) + " is not the field of a value; " + std::string(instead));
}

std::string Padded(int number, size_t digits) {
  if (number == 0) return "*";
  std::string text = std::to_string(number);
  if (text.size() < digits) text.insert(0, digits - text.size(), '0');
  return text;
}

struct ToValueText {
  using Result = std::optional<ValueText>;

  Result operator()(const TagNode& node) const {
    return ValueText{"tag", node.tag, node.is_prefix};
  }
  Result operator()(const DescriptionNode& node) const {
    return ValueText{"description", node.line};
  }
  Result operator()(const ValueNode& node) const {
    return ValueText{std::string(FieldOf(node.field).name), node.value, node.is_prefix};
  }
  Result operator()(const OrientationNode& node) const {
    return ValueText{"orientation", std::string(NameOf(node.orientation))};
  }
  Result operator()(const DatePattern& node) const {
    return ValueText{
        "date", Padded(node.day, 2) + "-" + Padded(node.month, 2) + "-" + Padded(node.year, 4)};
  }
  Result operator()(const HasNode& node) const {
    return ValueText{"has", std::string(NameOf(node.field))};
  }
  Result operator()(const ColorNode& node) const {
    for (const std::string_view name : ColorNames()) {
      if (RgbOfName(name) == node.rgb) return ValueText{"color", std::string(name)};
    }
    std::string bytes;
    for (const int shift : {16, 8, 0}) bytes += static_cast<char>(node.rgb >> shift & 0xff);
    return ValueText{"color", "#" + ToHex(bytes)};
  }
  Result operator()(const Md5Node& node) const { return ValueText{"md5", ToHex(node.md5)}; }
  template <typename Other>
  Result operator()(const Other&) const {
    return std::nullopt;
  }
};

}  // namespace

absl::StatusOr<QueryNode> WordsNodeOf(const std::vector<std::string>& words, bool prefix,
                                      const std::vector<std::string>& fields, int typos) {
  FieldMask mask = fields.empty() ? kEveryField : 0;
  for (const std::string& name : fields) {
    const std::optional<TextField> field = TextFieldOf(name);
    if (!field) {
      return ValueFault("QUERY_UNKNOWN_KEY",
                        "words stand in title, description, tag, filename or attribute");
    }
    mask |= MaskOf(*field);
  }
  std::string text;
  for (const std::string& word : words) {
    if (text.size() + word.size() > kMaxCanonicalBytes) {
      return ValueFault("QUERY_TOO_LONG",
                        "words may have " + std::to_string(kMaxCanonicalBytes) + " bytes together");
    }
    text.append(" ").append(word);
  }
  if (!IsCleanUtf8(text)) return ValueFault("QUERY_NOT_TEXT", "the words are not UTF-8 text");
  return ReadWords(text, prefix, mask, typos);
}

absl::StatusOr<QueryNode> ValueNodeOf(std::string_view field, std::string_view value, bool prefix) {
  SR_ASSIGN_OR_RETURN(const FieldInfo* known, Known(field));
  switch (known->kind) {
    case FieldKind::kWords:
    case FieldKind::kWordsIn:
      return NotForValues(*known, "\"words\" with \"fields\" looks there");
    case FieldKind::kRange:
    case FieldKind::kFrom:
    case FieldKind::kTo:
      return NotForValues(*known, "it is one of \"range\"");
    case FieldKind::kNear:
    case FieldKind::kHash:
    case FieldKind::kSimilar:
      return NotForValues(*known, "see \"near\" and \"similar\"");
    default:
      break;
  }
  if (prefix && !TakesStar(*known)) {
    return ValueFault("QUERY_NO_PREFIX",
                      std::string(known->name) + " can not be searched by its beginning");
  }
  return ReadField(*known, kEveryField, {.text = value, .quoted = true, .star = prefix});
}

absl::StatusOr<QueryNode> RangeNodeOf(std::string_view field, std::string_view min,
                                      std::string_view max) {
  SR_ASSIGN_OR_RETURN(const FieldInfo* known, Known(field));
  if (!HasOrder(*known)) {
    return ValueFault("QUERY_BAD_RANGE", std::string(known->name) + " has no ranges");
  }
  return ReadBounds(*known, min, max);
}

std::optional<ValueText> ValueTextOf(const QueryNode& node) {
  return std::visit(ToValueText(), node.is);
}

RangeText RangeTextOf(const RangeNode& range) {
  return {std::string(FieldOf(range.field).name), BoundText(range.field, range.min),
          BoundText(range.field, range.max)};
}

std::vector<std::string> FieldNamesOf(FieldMask fields) {
  std::vector<std::string> names;
  if (fields == kEveryField) return names;
  for (int i = 0; i < kTextFieldCount; ++i) {
    const auto field = static_cast<TextField>(i);
    if (fields & MaskOf(field)) names.emplace_back(NameOf(field));
  }
  return names;
}

std::string HashText(const PdqWords& hash) {
  std::string bytes;
  for (const uint64_t word : hash) {
    for (int shift = 56; shift >= 0; shift -= 8) bytes += static_cast<char>(word >> shift & 0xff);
  }
  return ToHex(bytes);
}

}  // namespace stockroom::api
