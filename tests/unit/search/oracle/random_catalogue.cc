#include "tests/unit/search/oracle/random_catalogue.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "absl/strings/escaping.h"

namespace stockroom::api {
namespace {

using nlohmann::json;

// Broken, or not what the processor writes.
std::string HostileJson(Draws& draws) {
  static const std::vector<std::string> hostile = {
      "",
      "[",
      "[]",
      "7",
      "null",
      "{}",
      R"({"error":"broke"})",
      R"({"base64":7})",
      R"({"base64":"!!"})",
      R"({"base64":"AAAA"})",
      R"({"hash":7,"quality":"100"})",
      R"({"hash":"zz","quality":100})",
      R"({"hash":"","quality":100})",
      R"({"colors":7})",
      R"({"colors":[7,{"hex":7},{"hex":"#12345g","weight":1},{"hex":"#ffffff","weight":-1}]})",
      R"({"camera":7,"gps":[]})",
      R"({"camera":{"make":7,"model":["x"],"lens":null},"gps":{"latitude":"1","longitude":2}})",
      R"({"gps":{"latitude":91,"longitude":0}})",
      R"({"gps":{"latitude":0,"longitude":-180.5}})",
      R"({"gps":{"latitude":1e300,"longitude":1}})",
      R"({"gps":{"latitude":1}})",
      "{\"camera\":{\"make\":\"\xff\"}}"};
  return PickOf(draws, hostile);
}

std::string HexOf(const PdqWords& hash) {
  char text[65];
  std::snprintf(text, sizeof(text), "%016llx%016llx%016llx%016llx",
                static_cast<unsigned long long>(hash[0]), static_cast<unsigned long long>(hash[1]),
                static_cast<unsigned long long>(hash[2]), static_cast<unsigned long long>(hash[3]));
  return text;
}

std::string Pdq(Draws& draws) {
  PdqWords hash = PickOf(draws, pool::Hashes());
  for (uint64_t n = draws.Below(pool::kMostFlipped + 1); n > 0; --n) {
    hash[draws.Below(4)] ^= uint64_t{1} << draws.Below(64);
  }
  static const std::vector<int> qualities = {100, 100, 100, 50, 49, 0};
  return json{{"hash", HexOf(hash)}, {"quality", PickOf(draws, qualities)}}.dump();
}

std::string ThumbHash(Draws& draws) {
  std::string hash(24, '\0');
  for (char& byte : hash) byte = static_cast<char>(draws.Chance(0.5) ? 0 : draws.Below(256));
  hash[2] = static_cast<char>(hash[2] & 0x7f);  // no alpha
  return json{{"base64", absl::Base64Escape(hash)}}.dump();
}

std::string Palette(Draws& draws) {
  json colors = json::array();
  static const std::vector<double> weights = {0.5, 0.25, 0.1, 0.05, 0, -3, 1e300};
  for (uint64_t n = draws.Below(8); n > 0; --n) {
    char hex[8];
    std::snprintf(hex, sizeof(hex), "#%06x", PickOf(draws, pool::Colors()));
    colors.push_back({{"hex", hex}, {"weight", PickOf(draws, weights)}});
  }
  return json{{"colors", colors}}.dump();
}

std::string Facts(Draws& draws) {
  json facts = json::object();
  if (draws.Chance(0.6)) {
    const auto& [make, model] = PickOf(draws, pool::Cameras());
    json camera = json::object();
    if (!make.empty() || draws.Chance(0.5)) camera["make"] = make;
    if (!model.empty() || draws.Chance(0.5)) camera["model"] = model;
    if (draws.Chance(0.6)) camera["lens"] = PickOf(draws, pool::Lenses());
    facts["camera"] = camera;
  }
  if (draws.Chance(0.5)) {
    auto [latitude, longitude] = PickOf(draws, pool::Places());
    if (draws.Chance(0.5)) {
      latitude = std::clamp(latitude + (draws.Unit() - 0.5) * 0.1, -90.0, 90.0);
      longitude = std::clamp(longitude + (draws.Unit() - 0.5) * 0.1, -180.0, 180.0);
    }
    facts["gps"] = {{"latitude", latitude}, {"longitude", longitude}};
  }
  return facts.dump();
}

void Analyse(Draws& draws, Image& image) {
  image.analysis.clear();
  using Make = std::string (*)(Draws&);
  static const std::vector<std::pair<const char*, Make>> kProcessors = {
      {"facts", Facts}, {"pdq", Pdq}, {"thumbhash", ThumbHash}, {"palette", Palette}};
  for (const auto& [name, make] : kProcessors) {
    if (draws.Chance(0.15)) continue;
    image.analysis[name] = draws.Chance(0.08) ? HostileJson(draws) : make(draws);
  }
}

void DescribeAnew(Draws& draws, Image& image) {
  Description& described = image.described;
  described = {};
  described.title = pool::Text(draws, 4);
  described.description = draws.Chance(0.3) ? "" : pool::Text(draws, 8);
  for (uint64_t n = draws.Below(5); n > 0; --n) {
    described.tags.push_back(PickOf(draws, pool::Tags()));
  }
  described.license = PickOf(draws, pool::Licenses());
  if (draws.Chance(0.3)) described.attributes["dataset"] = PickOf(draws, pool::Datasets());
  if (draws.Chance(0.2)) described.attributes["place"] = pool::Text(draws, 2);
  described.visibility = static_cast<Visibility>(1 + (draws.Chance(0.6) ? 0 : draws.Below(3)));
}

std::string IdOf(uint64_t n) {
  // In no order of time.
  Draws draws(n * 2 + 1);
  char id[48];
  std::snprintf(id, sizeof(id), "%08llx-0000-7000-8000-%012llx",
                static_cast<unsigned long long>(draws.Next() & 0xffffffff),
                static_cast<unsigned long long>(n));
  return id;
}

std::string Quoted(const std::string& text) { return "\"" + absl::CEscape(text) + "\""; }

}  // namespace

Image RandomCatalogue::New() {
  Image image;
  image.id = IdOf(++made_);
  image.owner = PickOf(draws_, pool::Owners());
  image.create_time = pool::Time(draws_);
  image.update_time = image.create_time;
  image.filename = draws_.Chance(0.2) ? "" : pool::Text(draws_, 1) + ".jpg";
  image.md5 = pool::Md5(draws_);
  image.sha256 = Digest::Of(image.id);
  image.size_bytes = static_cast<int64_t>(1 + draws_.Below(5) * 1'000'000);
  DescribeAnew(draws_, image);
  return Changed(std::move(image));
}

Image RandomCatalogue::Changed(Image image) {
  ++image.revision;
  image.update_time += absl::Seconds(1);
  static const std::vector<ImageState> states = {ImageState::kUploading,  ImageState::kPending,
                                                 ImageState::kProcessing, ImageState::kFlagged,
                                                 ImageState::kRejected,   ImageState::kFailed};
  image.state = draws_.Chance(0.75) ? ImageState::kReady : PickOf(draws_, states);
  if (draws_.Chance(0.4)) DescribeAnew(draws_, image);
  if (draws_.Chance(0.1)) image.owner = PickOf(draws_, pool::Owners());
  if (image.revision == 1 || draws_.Chance(0.5)) {
    Analyse(draws_, image);
    image.facts = {};
    const bool is_seen = draws_.Chance(0.9);
    image.facts.width = is_seen ? PickOf(draws_, pool::Sides()) : 0;
    image.facts.height = is_seen ? PickOf(draws_, pool::Sides()) : 0;
    image.facts.format = PickOf(draws_, pool::Formats());
    if (draws_.Chance(0.5)) image.facts.taken_time = pool::Time(draws_);
  }
  return image;
}

Edit RandomCatalogue::Fill(uint64_t n) {
  Edit edit;
  for (; n > 0; --n) {
    Image image = New();
    ids_.push_back(image.id);
    newest_[image.id] = image;
    edit.changed.push_back(std::move(image));
  }
  return edit;
}

Edit RandomCatalogue::Next() {
  Edit edit;
  for (uint64_t n = draws_.Below(8); n > 0; --n) {
    const uint64_t what = draws_.Below(20);
    if (what < 2 && !old_.empty()) {
      edit.changed.push_back(PickOf(draws_, old_));
    } else if (what < 4 && !ids_.empty()) {
      edit.changed.push_back(newest_[PickOf(draws_, ids_)]);
    } else if (ids_.size() < images_ && what < 13) {
      Edit one = Fill(1);
      edit.changed.push_back(std::move(one.changed[0]));
    } else if (!ids_.empty()) {
      Image& image = newest_[PickOf(draws_, ids_)];
      old_.push_back(image);
      image = Changed(std::move(image));
      edit.changed.push_back(image);
    }
  }
  // What was put in a moment ago may be among it.
  for (uint64_t n = draws_.Chance(0.25) ? draws_.Below(4) : 0; n > 0 && !ids_.empty(); --n) {
    const size_t at = draws_.Below(ids_.size());
    edit.deleted.push_back(ids_[at]);
    old_.push_back(newest_[ids_[at]]);
    newest_.erase(ids_[at]);
    ids_.erase(ids_.begin() + static_cast<ptrdiff_t>(at));
  }
  if (draws_.Chance(0.05)) edit.deleted.push_back(IdOf(1'000'000 + draws_.Below(5)));
  for (uint64_t n = draws_.Chance(0.3) ? draws_.Below(6) : 0; n > 0; --n) {
    edit.popularity.emplace_back(SomeId(draws_), draws_.Below(4));
  }
  if (draws_.Chance(0.02)) {
    edit.keep_only.emplace();
    for (const std::string& id : ids_) {
      if (draws_.Chance(0.9)) edit.keep_only->insert(id);
    }
    std::erase_if(ids_, [&](const std::string& id) {
      if (edit.keep_only->contains(id)) return false;
      newest_.erase(id);
      return true;
    });
  }
  if (old_.size() > 200) old_.erase(old_.begin(), old_.begin() + 100);
  return edit;
}

std::string RandomCatalogue::SomeId(Draws& draws) const {
  if (!ids_.empty() && draws.Chance(0.9)) return PickOf(draws, ids_);
  return IdOf(draws.Below(made_ + 10));
}

std::string Describe(const Image& image) {
  std::string text = image.id + " r" + std::to_string(image.revision) + " state " +
                     std::to_string(static_cast<int>(image.state)) + " visibility " +
                     std::to_string(static_cast<int>(image.described.visibility)) + " owner " +
                     Quoted(image.owner) + " created " + absl::FormatTime(image.create_time) +
                     "\n    title " + Quoted(image.described.title) + " description " +
                     Quoted(image.described.description) + " file " + Quoted(image.filename) +
                     " license " + Quoted(image.described.license) + " tags";
  for (const std::string& tag : image.described.tags) text += " " + Quoted(tag);
  for (const auto& [name, value] : image.described.attributes) {
    text += " " + name + "=" + Quoted(value);
  }
  text += "\n    " + std::to_string(image.facts.width) + "x" + std::to_string(image.facts.height) +
          " " + image.facts.format + " " + std::to_string(image.size_bytes) + " bytes md5 " +
          absl::BytesToHexString(image.md5);
  if (image.facts.taken_time) text += " taken " + absl::FormatTime(*image.facts.taken_time);
  for (const auto& [name, found] : image.analysis) text += "\n    " + name + " " + found;
  return text;
}

std::string Describe(const Edit& edit) {
  std::string text;
  for (const Image& image : edit.changed) text += "  put " + Describe(image) + "\n";
  for (const std::string& id : edit.deleted) text += "  delete " + id + "\n";
  for (const auto& [id, count] : edit.popularity) {
    text += "  popularity " + id + " " + std::to_string(count) + "\n";
  }
  if (edit.keep_only) {
    text += "  keep only";
    for (const std::string& id : *edit.keep_only) text += " " + id;
    text += "\n";
  }
  return text;
}

}  // namespace stockroom::api
