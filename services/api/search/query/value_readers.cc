// What may stand behind a key, but for ranges (range_readers.cc).
#include <algorithm>
#include <charconv>
#include <cmath>

#include "services/api/search/query/field_table.h"
#include "services/api/search/query/fields.h"
#include "services/api/search/query/query_parser.h"
#include "services/api/search/similar/color.h"
#include "services/api/search/text/text_fold.h"
#include "services/api/search/text/typo.h"
#include "services/common/base/ids.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"

namespace stockroom::api {
namespace {

constexpr double kMaxKm = 20100;  // a little more than half way around the Earth
constexpr int kMaxRadius = 64;

absl::Status Expected(std::string_view reason, const FieldInfo& field) {
  return ValueFault(reason, "expected a value, as in " + std::string(field.example));
}

// One of `names` by its position. The refusal names them all, and the nearest.
absl::StatusOr<size_t> ReadName(std::string_view what, std::span<const std::string_view> names,
                                std::string_view value) {
  const std::string name = FoldLine(value);
  const auto found = std::find(names.begin(), names.end(), name);
  if (found != names.end()) return static_cast<size_t>(found - names.begin());
  std::string list;
  std::string_view nearest;
  int best = name.size() <= 4 ? 2 : 3;
  for (const std::string_view known : names) {
    list.append(list.empty() ? "" : ", ").append(known);
    const int distance = TypoDistance(name, known, 2);
    if (distance < best) {
      best = distance;
      nearest = known;
    }
  }
  std::string message = std::string(what) + ": is one of " + list;
  if (!nearest.empty()) message += "; did you mean " + std::string(nearest) + "?";
  return ValueFault("QUERY_BAD_VALUE", message, nearest);
}

absl::StatusOr<QueryNode> ReadTag(const FieldInfo& field, const RawValue& value) {
  std::string tag = FoldLine(value.text);
  if (tag.empty()) return Expected("QUERY_EMPTY_VALUE", field);
  return QueryNode{TagNode{std::move(tag), value.star}};
}

absl::StatusOr<QueryNode> ReadDescription(const FieldInfo& field, const RawValue& value) {
  std::string line = FoldLine(value.text);
  if (line.empty()) return Expected("QUERY_EMPTY_VALUE", field);
  return QueryNode{DescriptionNode{std::move(line)}};
}

absl::StatusOr<QueryNode> ReadOwner(const FieldInfo& field, const RawValue& value) {
  if (value.star) {
    return ValueFault("QUERY_NO_PREFIX",
                      "owner: is compared as a whole; put a name that ends in * in quotes");
  }
  if (value.text.empty()) return Expected("QUERY_EMPTY_VALUE", field);
  if (value.text.find('"') != std::string_view::npos) {
    return ValueFault("QUERY_BAD_VALUE", "an owner with a quote in the name can not be looked for");
  }
  return QueryNode{ValueNode{ValueField::kOwner, std::string(value.text), false}};
}

// The words of a camera or a lens, of which the last is a beginning anyway.
absl::StatusOr<QueryNode> ReadDevice(const FieldInfo& field, const RawValue& value) {
  std::string line;
  for (const std::string& word : SplitWords(FoldText(value.text))) {
    if (!line.empty()) line += ' ';
    line += word;
  }
  if (line.empty()) return Expected("QUERY_EMPTY_VALUE", field);
  return QueryNode{ValueNode{static_cast<ValueField>(field.which), std::move(line), false}};
}

absl::StatusOr<QueryNode> ReadState(const RawValue& value) {
  if (!value.star) {
    SR_ASSIGN_OR_RETURN(const size_t state, ReadName("state", StateNames(), value.text));
    return QueryNode{ValueNode{ValueField::kState, std::string(StateNames()[state]), false}};
  }
  std::string beginning = FoldLine(value.text);
  const auto names = StateNames();
  const bool known = std::any_of(names.begin(), names.end(), [&](std::string_view name) {
    return name.substr(0, beginning.size()) == beginning;
  });
  if (beginning.empty() || !known) {
    return ValueFault("QUERY_BAD_VALUE", "no state begins like that");
  }
  return QueryNode{ValueNode{ValueField::kState, std::move(beginning), true}};
}

absl::StatusOr<QueryNode> ReadPlainValue(const FieldInfo& field, const RawValue& value) {
  const auto which = static_cast<ValueField>(field.which);
  if (which == ValueField::kOwner) return ReadOwner(field, value);
  if (which == ValueField::kState) return ReadState(value);
  if (which == ValueField::kCamera || which == ValueField::kLens) return ReadDevice(field, value);
  std::string line = FoldLine(value.text);
  if (line.empty()) return Expected("QUERY_EMPTY_VALUE", field);
  // As file names have it.
  if (which == ValueField::kFormat && line == "jpg") line = "jpeg";
  return QueryNode{ValueNode{which, std::move(line), value.star}};
}

absl::StatusOr<QueryNode> ReadOrientation(const RawValue& value) {
  SR_ASSIGN_OR_RETURN(const size_t index, ReadName("orientation", OrientationNames(), value.text));
  return QueryNode{OrientationNode{static_cast<Orientation>(index)}};
}

absl::StatusOr<QueryNode> ReadHas(const RawValue& value) {
  constexpr std::string_view kNone = "none(";
  std::string name = FoldLine(value.text);
  const bool none = name.substr(0, kNone.size()) == kNone && name.back() == ')';
  if (none) name = name.substr(kNone.size(), name.size() - kNone.size() - 1);
  if (name == "tag") name = "tags";
  if (name == "desc") name = "description";
  if (name == "gps") name = "location";
  SR_ASSIGN_OR_RETURN(const size_t index, ReadName("has", HasNames(), name));
  QueryNode has{HasNode{static_cast<HasField>(index)}};
  if (!none) return has;
  NotNode negated;
  negated.part.push_back(std::move(has));
  return QueryNode{std::move(negated)};
}

absl::StatusOr<QueryNode> ReadColor(const RawValue& value) {
  std::string name = FoldLine(value.text);
  if (const std::optional<uint32_t> rgb = RgbOfName(name)) return QueryNode{ColorNode{*rgb}};
  const absl::StatusOr<std::string> bytes = FromHex(name.substr(name.substr(0, 1) == "#" ? 1 : 0));
  if (bytes.ok() && bytes->size() == 3) {
    uint32_t rgb = 0;
    for (const char byte : *bytes) rgb = rgb << 8 | static_cast<unsigned char>(byte);
    return QueryNode{ColorNode{rgb}};
  }
  const absl::Status fault = ReadName("color", ColorNames(), name).status();
  const ErrorDetails details = DetailsOf(fault);
  const auto suggestion = details.metadata.find("suggestion");
  return ValueFault(details.reason, std::string(fault.message()) + ", or any #rrggbb",
                    suggestion == details.metadata.end() ? "" : suggestion->second);
}

absl::StatusOr<QueryNode> ReadMd5(const RawValue& value) {
  absl::StatusOr<std::string> md5 = FromHex(FoldText(value.text));
  if (!md5.ok() || md5->size() != 16) {
    return ValueFault("QUERY_BAD_MD5", "expected the 32 hexadecimal digits of an MD5");
  }
  return QueryNode{Md5Node{*std::move(md5)}};
}

// Decimal, without exponent.
std::optional<double> ReadDecimal(std::string_view text) {
  double value = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// "lat,lng,km": the distance may say km or m.
absl::StatusOr<QueryNode> ReadNear(const FieldInfo& field, const RawValue& value) {
  const std::string_view text = value.text;
  const size_t first = text.find(',');
  const size_t second = first == std::string_view::npos ? first : text.find(',', first + 1);
  if (second == std::string_view::npos) return Expected("QUERY_BAD_NUMBER", field);
  std::string distance = FoldText(text.substr(second + 1));
  double scale = 1;
  if (distance.size() > 2 && distance.substr(distance.size() - 2) == "km") {
    distance.resize(distance.size() - 2);
  } else if (!distance.empty() && distance.back() == 'm') {
    distance.pop_back();
    scale = 0.001;
  }
  const auto latitude = ReadDecimal(text.substr(0, first));
  const auto longitude = ReadDecimal(text.substr(first + 1, second - first - 1));
  const auto far = ReadDecimal(distance);
  if (!latitude || !longitude || !far) return Expected("QUERY_BAD_NUMBER", field);
  return NearNodeOf(*latitude, *longitude, *far * scale);
}

}  // namespace

absl::Status ValueFault(std::string_view reason, const std::string& what,
                        std::string_view suggestion) {
  ErrorDetails details{.reason = std::string(reason)};
  if (!suggestion.empty()) details.metadata["suggestion"] = std::string(suggestion);
  details.violations.push_back({"query", what});
  return MakeStatus(absl::StatusCode::kInvalidArgument, what, std::move(details));
}

absl::StatusOr<QueryNode> ReadWords(std::string_view text, bool prefix, FieldMask fields,
                                    int typos) {
  WordsNode node{SplitWords(FoldText(text)), prefix, fields, typos};
  if (node.words.empty()) {
    return ValueFault("QUERY_EMPTY_VALUE", "there is no letter, digit or symbol to look for");
  }
  if (typos < 0 || typos > kMaxTypos) {
    return ValueFault("QUERY_BAD_TYPOS", "~ allows one or two wrong letters: word~1, word~2");
  }
  if (typos > 0 && node.words.size() > 1) {
    return ValueFault("QUERY_BAD_TYPOS", "wrong letters (~) can be allowed in a single word only");
  }
  return QueryNode{std::move(node)};
}

absl::StatusOr<QueryNode> ReadField(const FieldInfo& field, FieldMask fields,
                                    const RawValue& value) {
  if (value.text.size() > kMaxValueBytes) {
    return ValueFault("QUERY_TOO_LONG",
                      "a value may have " + std::to_string(kMaxValueBytes) + " bytes");
  }
  if (!IsCleanUtf8(value.text)) return ValueFault("QUERY_NOT_TEXT", "the value is not UTF-8 text");
  switch (field.kind) {
    case FieldKind::kWords:
    case FieldKind::kWordsIn:
      return ReadWords(value.text, value.star || !(value.quoted || value.tilde), fields,
                       value.tilde.value_or(0));
    case FieldKind::kTag:
      return ReadTag(field, value);
    case FieldKind::kDescription:
      return ReadDescription(field, value);
    case FieldKind::kValue:
      return ReadPlainValue(field, value);
    case FieldKind::kOrientation:
      return ReadOrientation(value);
    case FieldKind::kRange:
      return ReadRange(field, value.text);
    case FieldKind::kDate:
    case FieldKind::kFrom:
    case FieldKind::kTo:
      return ReadDate(field, value.text);
    case FieldKind::kNear:
      return ReadNear(field, value);
    case FieldKind::kHas:
      return ReadHas(value);
    case FieldKind::kColor:
      return ReadColor(value);
    case FieldKind::kHash:
      return HashNodeOf(value.text, value.tilde);
    case FieldKind::kSimilar:
      return SimilarNodeOf(value.text, value.tilde);
    case FieldKind::kMd5:
      return ReadMd5(value);
  }
  return Expected("QUERY_BAD_VALUE", field);
}

absl::StatusOr<QueryNode> NearNodeOf(double latitude, double longitude, double km) {
  // Also where one is not a number.
  if (!(latitude >= -90 && latitude <= 90) || !(longitude >= -180 && longitude <= 180) ||
      !(km >= 0 && km <= kMaxKm)) {
    return ValueFault("QUERY_BAD_NUMBER",
                      "expected latitude -90 to 90, longitude -180 to 180 and 0 to 20100 km, as in "
                      "near:52.5,13.4,10km");
  }
  // Locations are kept in steps of 10^-7 degrees; and texts stay short. + 0.0: no negative zero.
  const auto rounded = [](double value, double steps) {
    return std::round(value * steps) / steps + 0.0;
  };
  return QueryNode{NearNode{rounded(latitude, 1e7), rounded(longitude, 1e7), rounded(km, 1e6)}};
}

absl::StatusOr<QueryNode> SimilarNodeOf(std::string_view id, std::optional<int> radius) {
  const int bits = radius.value_or(kPdqRadius);
  const std::string uuid = FoldText(id);
  if (!IsUuid(uuid)) return ValueFault("QUERY_BAD_VALUE", "expected the id of an image");
  if (bits < 0 || bits > kMaxRadius) {
    return ValueFault("QUERY_BAD_NUMBER", "0 to 64 bits may differ, as in similar:ID~20");
  }
  return QueryNode{SimilarNode{uuid, bits}};
}

absl::StatusOr<QueryNode> HashNodeOf(std::string_view hash, std::optional<int> radius) {
  const int bits = radius.value_or(kPdqRadius);
  const absl::StatusOr<std::string> bytes = FromHex(FoldText(hash));
  if (!bytes.ok() || bytes->size() != 32) {
    return ValueFault("QUERY_BAD_HASH", "expected the 64 hexadecimal digits of a PDQ hash");
  }
  if (bits < 0 || bits > kMaxRadius) {
    return ValueFault("QUERY_BAD_NUMBER", "0 to 64 bits may differ, as in hash:HEX~20");
  }
  HashNode node{.radius = bits};
  for (size_t i = 0; i < bytes->size(); ++i) {
    node.hash[i / 8] = node.hash[i / 8] << 8 | static_cast<unsigned char>((*bytes)[i]);
  }
  return QueryNode{node};
}

}  // namespace stockroom::api
