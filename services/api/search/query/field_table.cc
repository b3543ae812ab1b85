#include "services/api/search/query/field_table.h"

#include <algorithm>
#include <iterator>

#include "services/api/search/text/typo.h"

namespace stockroom::api {
namespace {

template <typename Enum>
constexpr int Which(Enum field) {
  return static_cast<int>(field);
}

constexpr FieldInfo kFields[] = {
    {"tag", FieldKind::kTag, 0, "tag:\"new york\""},
    {"title", FieldKind::kWords, Which(TextField::kTitle), "title:fox"},
    {"description", FieldKind::kDescription, 0, "desc:\"in the snow\""},
    {"filename", FieldKind::kWords, Which(TextField::kFilename), "filename:img_12"},
    {"in", FieldKind::kWordsIn, 0, "in:title,tag:fox"},
    {"owner", FieldKind::kValue, Which(ValueField::kOwner), "owner:alice"},
    {"license", FieldKind::kValue, Which(ValueField::kLicense), "license:\"CC BY 4.0\""},
    {"format", FieldKind::kValue, Which(ValueField::kFormat), "format:jpeg"},
    {"camera", FieldKind::kValue, Which(ValueField::kCamera), "camera:\"canon eos\""},
    {"lens", FieldKind::kValue, Which(ValueField::kLens), "lens:\"50mm\""},
    {"dataset", FieldKind::kValue, Which(ValueField::kDataset), "dataset:birds"},
    {"state", FieldKind::kValue, Which(ValueField::kState), "state:failed"},
    {"color", FieldKind::kColor, 0, "color:teal"},
    {"orientation", FieldKind::kOrientation, 0, "orientation:portrait"},
    {"w", FieldKind::kRange, Which(NumberField::kWidth), "w>=3000"},
    {"h", FieldKind::kRange, Which(NumberField::kHeight), "h:1000..2000"},
    {"mp", FieldKind::kRange, Which(NumberField::kPixels), "mp>12"},
    {"size", FieldKind::kRange, Which(NumberField::kBytes), "size<2mb"},
    {"taken", FieldKind::kRange, Which(NumberField::kTaken), "taken:2024-01-01..2024-06-30"},
    {"created", FieldKind::kRange, Which(NumberField::kCreated), "created>=2024"},
    {"date", FieldKind::kDate, Which(NumberField::kDate), "date:*-12-2020"},
    {"from", FieldKind::kFrom, Which(NumberField::kDate), "from:2024-01-01"},
    {"to", FieldKind::kTo, Which(NumberField::kDate), "to:2024-06-30"},
    {"near", FieldKind::kNear, 0, "near:52.5,13.4,10km"},
    {"has", FieldKind::kHas, 0, "has:location"},
    {"similar", FieldKind::kSimilar, 0, "similar:0190a5d0-0000-7000-8000-000000000001"},
    {"hash", FieldKind::kHash, 0, "hash: and 64 hexadecimal digits"},
    {"md5", FieldKind::kMd5, 0, "md5:d41d8cd98f00b204e9800998ecf8427e"},
};

struct OtherName {
  std::string_view name;
  std::string_view field;
};
constexpr OtherName kOtherNames[] = {
    {"tags", "tag"},     {"desc", "description"}, {"file", "filename"}, {"type", "format"},
    {"colour", "color"}, {"width", "w"},          {"height", "h"},
};

constexpr std::string_view kTextFields[] = {"title", "description", "tag", "filename", "attribute"};
constexpr std::string_view kHasFields[] = {"title",      "description", "tags",     "license",
                                           "attributes", "taken",       "location", "camera",
                                           "lens",       "dataset",     "palette",  "hash"};
constexpr std::string_view kStates[] = {"uploading", "pending",  "processing", "ready",
                                        "flagged",   "rejected", "failed"};
constexpr std::string_view kOrientations[] = {"landscape", "portrait", "square", "panorama"};

const FieldInfo& Find(FieldKind kind, int which) {
  return *std::find_if(std::begin(kFields), std::end(kFields), [&](const FieldInfo& field) {
    return field.kind == kind && field.which == which;
  });
}

}  // namespace

const FieldInfo* FindField(std::string_view name) {
  for (const OtherName& other : kOtherNames) {
    if (other.name == name) name = other.field;
  }
  const auto* field = std::find_if(std::begin(kFields), std::end(kFields),
                                   [&](const FieldInfo& known) { return known.name == name; });
  return field == std::end(kFields) ? nullptr : field;
}

const FieldInfo& FieldOf(NumberField field) {
  const FieldKind kind = field == NumberField::kDate ? FieldKind::kDate : FieldKind::kRange;
  return Find(kind, Which(field));
}

const FieldInfo& FieldOf(ValueField field) { return Find(FieldKind::kValue, Which(field)); }

bool HasOrder(const FieldInfo& field) {
  return field.kind == FieldKind::kRange || field.kind == FieldKind::kDate;
}

bool TakesStar(const FieldInfo& field) {
  return field.kind == FieldKind::kWords || field.kind == FieldKind::kWordsIn ||
         field.kind == FieldKind::kTag || field.kind == FieldKind::kValue;
}

bool TakesTilde(const FieldInfo& field) {
  return field.kind == FieldKind::kWords || field.kind == FieldKind::kWordsIn ||
         field.kind == FieldKind::kHash || field.kind == FieldKind::kSimilar;
}

std::string_view NearestField(std::string_view name, bool ordered) {
  std::string_view nearest;
  // Of short names a letter is much.
  int best = name.size() <= 4 ? 2 : 3;
  const auto consider = [&](std::string_view candidate) {
    if (candidate.size() < 2 || (ordered && !HasOrder(*FindField(candidate)))) return;
    const int distance = TypoDistance(name, candidate, 2);
    if (distance >= best) return;
    best = distance;
    nearest = candidate;
  };
  for (const FieldInfo& field : kFields) consider(field.name);
  for (const OtherName& other : kOtherNames) consider(other.name);
  return nearest;
}

std::string FieldNames() {
  std::string names;
  for (const FieldInfo& field : kFields) {
    if (!names.empty()) names += &field == std::end(kFields) - 1 ? " and " : ", ";
    names.append(field.name).append(":");
  }
  return names;
}

std::optional<TextField> TextFieldOf(std::string_view name) {
  const auto* found = std::find(std::begin(kTextFields), std::end(kTextFields), name);
  if (found == std::end(kTextFields)) return std::nullopt;
  return static_cast<TextField>(found - std::begin(kTextFields));
}

std::string_view NameOf(TextField field) { return kTextFields[static_cast<size_t>(field)]; }
std::string_view NameOf(HasField field) { return kHasFields[static_cast<size_t>(field)]; }
std::string_view NameOf(Orientation orientation) {
  return kOrientations[static_cast<size_t>(orientation)];
}

std::span<const std::string_view> StateNames() { return kStates; }
std::span<const std::string_view> HasNames() { return kHasFields; }
std::span<const std::string_view> OrientationNames() { return kOrientations; }

}  // namespace stockroom::api
