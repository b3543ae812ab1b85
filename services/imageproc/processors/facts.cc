#include <cmath>
#include <optional>
#include <string_view>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "services/common/base/strings.h"
#include "services/imageproc/processors/builtin.h"

namespace stockroom::imageproc {
namespace {

using nlohmann::json;

std::optional<std::string> Text(const SourceFacts& facts, const char* tag) {
  const auto found = facts.exif.find(tag);
  if (found == facts.exif.end()) return std::nullopt;
  return found->second;
}

std::optional<double> Number(absl::string_view text) {
  const std::vector<absl::string_view> parts = absl::StrSplit(text, '/');
  double value = 0;
  if (parts.size() > 2 || !absl::SimpleAtod(parts[0], &value)) return std::nullopt;
  if (parts.size() == 2) {
    double divisor = 0;
    if (!absl::SimpleAtod(parts[1], &divisor) || divisor == 0) return std::nullopt;
    value /= divisor;
  }
  if (!std::isfinite(value)) return std::nullopt;
  return value;
}

double Rounded(double value, double unit) { return std::round(value / unit) * unit; }

void AddText(json& object, const char* key, const SourceFacts& facts, const char* tag) {
  if (auto text = Text(facts, tag)) object[key] = *text;
}

// Zero is how cameras write "unknown" for each of these.
void AddPositive(json& object, const char* key, const SourceFacts& facts, const char* tag) {
  const auto text = Text(facts, tag);
  if (!text) return;
  if (const auto number = Number(*text); number && *number > 0) object[key] = *number;
}

// Degrees, minutes and seconds, with the hemisphere's letter.
std::optional<double> Angle(const SourceFacts& facts, const char* tag, const char* reference_tag,
                            std::string_view negative, double limit) {
  const auto text = Text(facts, tag);
  const auto reference = Text(facts, reference_tag);
  if (!text || !reference) return std::nullopt;
  const std::vector<std::string> parts = absl::StrSplit(*text, ' ', absl::SkipEmpty());
  if (parts.size() != 3) return std::nullopt;
  double degrees = 0;
  double unit = 1;
  for (const std::string& part : parts) {
    const auto number = Number(part);
    if (!number || *number < 0) return std::nullopt;
    degrees += *number * unit;
    unit /= 60;
  }
  if (degrees > limit) return std::nullopt;
  // Seven decimals are a centimetre.
  return Rounded(*reference == negative ? -degrees : degrees, 1e-7);
}

json Gps(const SourceFacts& facts) {
  const auto latitude = Angle(facts, "GPSLatitude", "GPSLatitudeRef", "S", 90);
  const auto longitude = Angle(facts, "GPSLongitude", "GPSLongitudeRef", "W", 180);
  json gps = json::object();
  if (!latitude || !longitude) return gps;
  gps["latitude"] = *latitude;
  gps["longitude"] = *longitude;
  if (const auto text = Text(facts, "GPSAltitude")) {
    if (const auto metres = Number(*text)) {
      const bool below_sea =
          Text(facts, "GPSAltitudeRef").value_or("").starts_with("Sea level ref") == false &&
          Text(facts, "GPSAltitudeRef").has_value();
      gps["altitude_m"] = Rounded(below_sea ? -*metres : *metres, 0.01);
    }
  }
  return gps;
}

}  // namespace

absl::StatusOr<json> DescribeFacts(const AnalysisInput& input) {
  const SourceFacts& facts = input.facts;
  json result = {{"width", facts.width},
                 {"height", facts.height},
                 {"format", facts.format},
                 {"media_type", facts.media_type},
                 {"frames", facts.frames},
                 {"progressive", facts.progressive},
                 {"bit_depth", facts.bit_depth},
                 {"has_alpha", facts.has_alpha},
                 {"color_space", facts.color_space},
                 {"orientation", facts.orientation}};
  if (!facts.icc_description.empty()) result["icc_profile"] = facts.icc_description;
  if (facts.taken_time) {
    result["taken_time"] =
        absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", *facts.taken_time, absl::UTCTimeZone());
  }
  json camera = json::object();
  AddText(camera, "make", facts, "Make");
  AddText(camera, "model", facts, "Model");
  AddText(camera, "lens", facts, "LensModel");
  AddText(camera, "software", facts, "Software");
  if (!camera.empty()) result["camera"] = std::move(camera);
  json exposure = json::object();
  AddPositive(exposure, "time_s", facts, "ExposureTime");
  AddPositive(exposure, "f_number", facts, "FNumber");
  AddPositive(exposure, "iso", facts, "ISOSpeedRatings");
  AddPositive(exposure, "focal_length_mm", facts, "FocalLength");
  AddPositive(exposure, "focal_length_35mm", facts, "FocalLengthIn35mmFilm");
  if (!exposure.empty()) result["exposure"] = std::move(exposure);
  if (json gps = Gps(facts); !gps.empty()) result["gps"] = std::move(gps);
  return result;
}

}  // namespace stockroom::imageproc
