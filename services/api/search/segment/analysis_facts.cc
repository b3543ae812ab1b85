#include <cmath>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "services/api/search/segment/document.h"
#include "services/api/search/similar/result_reader.h"
#include "services/common/base/strings.h"

namespace stockroom::api {
namespace {

using nlohmann::json;

// Facts are about a kilobyte; more is somebody's late result under their name.
constexpr size_t kMostBytes = 16 << 10;
// Of a camera's or lens's name: EXIF has no bound.
constexpr size_t kLongestName = 100;
constexpr int kLeastQuality = 50;

// The text that follows; nothing if it is none, or no UTF-8.
std::string TextOf(ResultReader& reader) {
  if (reader.Peek() != '"') {
    reader.Skip();
    return {};
  }
  const std::string_view text = reader.String();
  if (text.size() > 2 * kLongestName || !IsCleanUtf8(text)) return {};
  if (text.find('\\') == std::string_view::npos) return std::string(text);
  const json whole = json::parse('"' + std::string(text) + '"', nullptr, false);
  return whole.is_string() ? whole.get<std::string>() : std::string();
}

std::optional<double> NumberOf(ResultReader& reader) {
  if (reader.Peek() == '0') return reader.Number();
  reader.Skip();
  return std::nullopt;
}

// Calls `visit(key)`, which must read the value, for each member of the object that follows.
template <typename Visit>
void ForEachMember(ResultReader& reader, Visit visit) {
  if (reader.Peek() != '{') return reader.Skip();
  std::string_view key;
  for (reader.Enter('{'); reader.NextMember(key);) visit(key);
}

// The same for all of a result. False if it is not one whole object.
template <typename Visit>
bool ForEachResult(const std::map<std::string, std::string>& analysis, const std::string& name,
                   Visit visit) {
  const auto found = analysis.find(name);
  if (found == analysis.end() || found->second.size() > kMostBytes) return false;
  ResultReader reader(found->second);
  if (reader.Peek() != '{') return false;
  ForEachMember(reader, [&](std::string_view key) { visit(reader, key); });
  return reader.ok() && reader.AtEnd();
}

// Without white space around it; "" if it is too long to be a name.
std::string NameOf(const std::string& text) {
  const absl::string_view name = absl::StripAsciiWhitespace(text);
  return name.size() > kLongestName ? std::string() : std::string(name);
}

std::string CameraOf(const std::string& make_text, const std::string& model_text) {
  const std::string make = NameOf(make_text);
  const std::string model = NameOf(model_text);
  if (make.empty() || absl::StartsWithIgnoreCase(model, make)) return model;
  return model.empty() ? make : make + " " + model;
}

std::optional<GeoPoint> LocationOf(const std::optional<double>& latitude,
                                   const std::optional<double>& longitude) {
  // Not a number is in no range.
  if (!latitude || !longitude || !(std::abs(*latitude) <= 90) || !(std::abs(*longitude) <= 180)) {
    return std::nullopt;
  }
  return GeoPoint{.latitude_e7 = static_cast<int32_t>(std::lround(*latitude * 1e7)),
                  .longitude_e7 = static_cast<int32_t>(std::lround(*longitude * 1e7))};
}

std::optional<PdqWords> PdqOf(std::string_view hash, const std::optional<double>& quality) {
  PdqWords words{};
  if (!quality || !(*quality >= kLeastQuality) || hash.size() != 64) return std::nullopt;
  for (size_t i = 0; i < hash.size(); ++i) {
    const char c = hash[i];
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
    if (digit < 0) return std::nullopt;
    words[i / 16] = words[i / 16] << 4 | static_cast<uint64_t>(digit);
  }
  return words;
}

}  // namespace

AnalysisFacts AnalysisFactsOf(const std::map<std::string, std::string>& analysis) {
  AnalysisFacts facts;
  std::string make;
  std::string model;
  std::string lens;
  std::optional<double> latitude;
  std::optional<double> longitude;
  const auto read_fact = [&](ResultReader& reader, std::string_view fact) {
    if (fact == "camera") {
      ForEachMember(reader, [&](std::string_view key) {
        std::string text = TextOf(reader);
        if (key == "make") make.swap(text);
        if (key == "model") model.swap(text);
        if (key == "lens") lens.swap(text);
      });
    } else if (fact == "gps") {
      ForEachMember(reader, [&](std::string_view key) {
        const std::optional<double> number = NumberOf(reader);
        if (key == "latitude") latitude = number;
        if (key == "longitude") longitude = number;
      });
    } else {
      reader.Skip();
    }
  };
  if (ForEachResult(analysis, "facts", read_fact)) {
    facts.camera = CameraOf(make, model);
    facts.lens = NameOf(lens);
    facts.location = LocationOf(latitude, longitude);
  }
  std::string hash;
  std::optional<double> quality;
  const auto read_pdq = [&](ResultReader& reader, std::string_view key) {
    if (key == "hash") {
      hash = TextOf(reader);
    } else if (key == "quality") {
      quality = NumberOf(reader);
    } else {
      reader.Skip();
    }
  };
  if (ForEachResult(analysis, "pdq", read_pdq)) facts.pdq = PdqOf(hash, quality);
  facts.looks = LooksOf(analysis);
  return facts;
}

}  // namespace stockroom::api
