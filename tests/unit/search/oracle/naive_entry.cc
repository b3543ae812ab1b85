#include "tests/unit/search/oracle/naive_entry.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "absl/time/time.h"
#include "services/api/search/similar/color.h"
#include "services/api/search/text/text_fold.h"

namespace stockroom::api {
namespace {

using nlohmann::json;

// An object, or an empty one.
json ResultOf(const Image& image, const std::string& processor) {
  const auto it = image.analysis.find(processor);
  if (it == image.analysis.end()) return json::object();
  json result = json::parse(it->second, nullptr, false);
  return result.is_object() ? result : json::object();
}

json Member(const json& object, const char* name) {
  const auto it = object.find(name);
  return it == object.end() ? json() : *it;
}

std::string Text(const json& object, const char* name) {
  if (!object.is_object()) return "";
  const json value = Member(object, name);
  return value.is_string() ? value.get<std::string>() : "";
}

std::optional<double> Real(const json& object, const char* name) {
  if (!object.is_object()) return std::nullopt;
  const json value = Member(object, name);
  if (!value.is_number() || !std::isfinite(value.get<double>())) return std::nullopt;
  return value.get<double>();
}

// The make not twice: "Canon" and "Canon EOS R5" are a Canon EOS R5.
std::string CameraOf(const json& camera) {
  const std::string make = FoldLine(Text(camera, "make")).empty() ? "" : Text(camera, "make");
  const std::string model = FoldLine(Text(camera, "model")).empty() ? "" : Text(camera, "model");
  if (make.empty() || model.empty()) return make + model;
  return FoldLine(model).starts_with(FoldLine(make)) ? model : make + " " + model;
}

std::optional<NaiveEntry::Point> LocationOf(const json& facts) {
  const json gps = Member(facts, "gps");
  const auto latitude = Real(gps, "latitude");
  const auto longitude = Real(gps, "longitude");
  if (!latitude || !longitude || std::abs(*latitude) > 90 || std::abs(*longitude) > 180) {
    return std::nullopt;
  }
  // Kept to a centimetre.
  return NaiveEntry::Point{std::round(*latitude * 1e7) / 1e7, std::round(*longitude * 1e7) / 1e7};
}

std::optional<PdqWords> PdqOf(const json& result) {
  const std::string hex = Text(result, "hash");
  const std::optional<double> quality = Real(result, "quality");
  if (hex.size() != 64 || !quality || *quality < 50) return std::nullopt;
  PdqWords words{};
  for (size_t i = 0; i < hex.size(); ++i) {
    const char digit[2] = {hex[i], 0};
    char* end = nullptr;
    if (hex[i] == '-' || hex[i] == '+' || hex[i] == ' ') return std::nullopt;
    const uint64_t value = std::strtoull(digit, &end, 16);
    if (end != digit + 1) return std::nullopt;
    words[i / 16] = words[i / 16] << 4 | value;
  }
  return words;
}

int32_t DateOf(absl::Time time) {
  const absl::CivilDay day = absl::ToCivilDay(time, absl::UTCTimeZone());
  return static_cast<int32_t>(day.year() * 10000 + day.month() * 100 + day.day());
}

}  // namespace

std::string StateName(ImageState state) {
  switch (state) {
    case ImageState::kUploading:
      return "uploading";
    case ImageState::kPending:
      return "pending";
    case ImageState::kProcessing:
      return "processing";
    case ImageState::kReady:
      return "ready";
    case ImageState::kFlagged:
      return "flagged";
    case ImageState::kRejected:
      return "rejected";
    case ImageState::kFailed:
      return "failed";
  }
  return "";
}

NaiveEntry NaiveEntryOf(const Image& image) {
  NaiveEntry entry;
  entry.image = image;
  const Description& described = image.described;
  const auto add = [&](TextField field, const std::string& text) {
    entry.fields.emplace_back(field, SplitWords(FoldText(text)));
  };
  add(TextField::kTitle, described.title);
  add(TextField::kDescription, described.description);
  for (const std::string& tag : described.tags) {
    add(TextField::kTag, tag);
    if (std::string line = FoldLine(tag); !line.empty()) entry.tags.push_back(std::move(line));
  }
  std::sort(entry.tags.begin(), entry.tags.end());
  entry.tags.erase(std::unique(entry.tags.begin(), entry.tags.end()), entry.tags.end());
  add(TextField::kFilename, image.filename);
  for (const auto& [name, value] : described.attributes) {
    add(TextField::kAttribute, value);
    if (name == "dataset") entry.dataset = value;
  }
  entry.description = FoldLine(described.description);
  entry.license = described.license;
  const json facts = ResultOf(image, "facts");
  const json camera = Member(facts, "camera");
  entry.camera = CameraOf(camera);
  entry.lens = Text(camera, "lens");
  entry.location = LocationOf(facts);
  entry.created_us = absl::ToUnixMicros(image.create_time);
  entry.created_date = DateOf(image.create_time);
  if (image.facts.taken_time) entry.taken_date = DateOf(*image.facts.taken_time);
  entry.pdq = PdqOf(ResultOf(image, "pdq"));
  entry.looks = LooksOf(image.analysis);
  return entry;
}

bool NaiveEntry::Has(HasField field) const {
  const Description& described = image.described;
  switch (field) {
    case HasField::kTitle:
      return !described.title.empty();
    case HasField::kDescription:
      return !described.description.empty();
    case HasField::kTags:
      return !described.tags.empty();
    case HasField::kLicense:
      return !license.empty();
    case HasField::kAttributes:
      return !described.attributes.empty();
    case HasField::kTaken:
      return taken_date.has_value();
    case HasField::kLocation:
      return location.has_value();
    case HasField::kCamera:
      return !camera.empty();
    case HasField::kLens:
      return !lens.empty();
    case HasField::kDataset:
      return !dataset.empty();
    case HasField::kPalette:
      return looks.has_value();
    case HasField::kHash:
      return pdq.has_value();
  }
  return false;
}

bool NaiveEntry::Is(Orientation orientation) const {
  if (image.facts.width <= 0 || image.facts.height <= 0) return false;
  // In hundredths, so that nothing is rounded: r >= 0.95 is 100 w >= 95 h.
  const int64_t w = int64_t{100} * image.facts.width;
  const int64_t h = image.facts.height;
  switch (orientation) {
    case Orientation::kLandscape:
      return w > 105 * h;
    case Orientation::kPortrait:
      return w < 95 * h;
    case Orientation::kSquare:
      return w >= 95 * h && w <= 105 * h;
    case Orientation::kPanorama:
      return w >= 190 * h;
  }
  return false;
}

std::optional<int64_t> NaiveEntry::Number(NumberField field) const {
  const auto known = [](int64_t n) { return n > 0 ? std::optional(n) : std::nullopt; };
  switch (field) {
    case NumberField::kWidth:
      return known(image.facts.width);
    case NumberField::kHeight:
      return known(image.facts.height);
    case NumberField::kPixels:
      return image.facts.width > 0 && image.facts.height > 0 ? known(pixels()) : std::nullopt;
    case NumberField::kBytes:
      return known(image.size_bytes);
    case NumberField::kTaken:
      return taken_date;
    case NumberField::kDate:
      return date();
    case NumberField::kCreated:
      return created_us;
  }
  return std::nullopt;
}

std::vector<std::string> NaiveEntry::FacetValues(FacetField field) const {
  std::string one;
  switch (field) {
    case FacetField::kTag:
      return tags;
    case FacetField::kFormat:
      one = image.facts.format;
      break;
    case FacetField::kLicense:
      one = license;
      break;
    case FacetField::kYear:
      one = std::to_string(date() / 10000);
      break;
    case FacetField::kOrientation: {
      std::vector<std::string> names;
      if (Is(Orientation::kLandscape)) names.push_back("landscape");
      if (Is(Orientation::kPanorama)) names.push_back("panorama");
      if (Is(Orientation::kPortrait)) names.push_back("portrait");
      if (Is(Orientation::kSquare)) names.push_back("square");
      return names;
    }
    case FacetField::kCamera:
      one = camera;
      break;
    case FacetField::kLens:
      one = lens;
      break;
    case FacetField::kColor: {
      std::vector<std::string> names;
      for (const std::string_view name : ColorNames()) {
        if (looks && HasColor(*looks, RgbOfName(name).value())) names.emplace_back(name);
      }
      return names;
    }
    case FacetField::kDataset:
      one = dataset;
      break;
    case FacetField::kOwner:
      one = image.owner;
      break;
    case FacetField::kState:
      one = StateName(image.state);
      break;
  }
  return one.empty() ? std::vector<std::string>() : std::vector<std::string>{one};
}

}  // namespace stockroom::api
