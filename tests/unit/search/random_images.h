// Random catalogues for comparing the index with a naive scan.
#pragma once

#include <random>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "tests/unit/search/search_fixture.h"

namespace stockroom::api {

class Dice {
 public:
  explicit Dice(uint64_t seed) : engine_(seed) {}
  int Below(int n) { return static_cast<int>(engine_() % static_cast<uint64_t>(n)); }
  std::string Pick(const std::vector<std::string>& from) {
    return from[Below(static_cast<int>(from.size()))];
  }
  std::string Text(int most) {
    static const std::vector<std::string> words = {"fox",  "Fóx", "foxes", "red", "re",
                                                   "snow", "山",  "富士",  "a-b", "IMG_12",
                                                   "",     "é",   "night,"};
    std::string text;
    for (int n = Below(most + 1); n > 0; --n) text += (text.empty() ? "" : " ") + Pick(words);
    return text;
  }

 private:
  std::mt19937_64 engine_;
};

// One of few, so that many are equal.
inline std::string RandomMd5(Dice& dice) {
  return std::string(16, static_cast<char>(dice.Below(3)));
}

// What the processors find, and now and then what somebody put there instead.
inline std::map<std::string, std::string> RandomAnalysis(Dice& dice) {
  if (dice.Below(6) == 0) {
    return {{"thumbhash", dice.Pick({"{}", R"({"base64":7})", R"({"base64":"!!"})", "[",
                                     R"({"base64":"AAAA"})", R"({"error":"broke"})"})}};
  }
  std::string hash(24, '\0');
  for (char& byte : hash) byte = static_cast<char>(dice.Below(2) == 0 ? 0 : dice.Below(256));
  hash[2] = static_cast<char>(hash[2] & 0x7f);  // no alpha
  std::string base64;
  absl::Base64Escape(hash, &base64);
  std::map<std::string, std::string> analysis = {{"thumbhash", R"({"base64":")" + base64 + "\"}"}};
  if (dice.Below(4) == 0) return analysis;
  std::string colors;
  for (int n = dice.Below(8); n > 0; --n) {
    colors += std::string(colors.empty() ? "" : ",") + R"({"hex":")" +
              dice.Pick({"#ff0000", "#00ff00", "#123456", "#FFFFFF", "red", "#12345g"}) +
              R"(","weight":)" + dice.Pick({"0.5", "0.25", "0", "-3", "1e300", "\"x\""}) + "}";
  }
  analysis["palette"] = R"({"colors":[)" + colors + "]}";
  return analysis;
}

inline Principal RandomPrincipal(Dice& dice) {
  Principal who{.subject = dice.Pick({"ann", "eve"}), .anonymous = false};
  if (dice.Below(4) == 0) who.scopes = Scope::kRead | Scope::kModerate;
  return who;
}

inline Image RandomImage(Dice& dice, int64_t revision) {
  Image image = Picture("id" + std::to_string(dice.Below(30)), dice.Text(3));
  image.revision = revision;
  image.owner = dice.Pick({"ann", "bob"});
  image.described.description = dice.Text(5);
  image.filename = dice.Text(1) + ".jpg";
  for (int n = dice.Below(3); n > 0; --n) image.described.tags.push_back(dice.Text(2));
  if (dice.Below(3) == 0) image.described.attributes["k"] = dice.Text(2);
  image.described.visibility = static_cast<Visibility>(1 + dice.Below(3));
  image.state = dice.Below(5) == 0 ? ImageState::kProcessing : ImageState::kReady;
  image.create_time += absl::Hours(20 * dice.Below(6));
  if (dice.Below(2) == 0) image.facts.taken_time = kStart - absl::Hours(24 * dice.Below(40));
  image.described.license = dice.Pick({"", "CC0-1.0", "CC-BY-4.0"});
  image.facts.format = dice.Pick({"", "jpeg", "png"});
  image.facts.width = dice.Below(3);
  image.facts.height = dice.Below(3);
  image.md5 = RandomMd5(dice);
  image.analysis = RandomAnalysis(dice);
  return image;
}

// By aspect ratio: see OrientationNode.
inline std::set<std::string> OrientationsOf(const Image& image) {
  if (image.facts.width <= 0 || image.facts.height <= 0) return {};
  const double ratio = static_cast<double>(image.facts.width) / image.facts.height;
  if (ratio < 0.95) return {"portrait"};
  if (ratio <= 1.05) return {"square"};
  if (ratio < 1.9) return {"landscape"};
  return {"landscape", "panorama"};
}

}  // namespace stockroom::api
