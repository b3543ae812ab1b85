#include <cmath>

#include "absl/time/time.h"
#include "tests/unit/search/oracle/random_catalogue.h"

namespace stockroom::api::pool {

const std::vector<std::string>& Words() {
  static const std::vector<std::string> words = {
      "fox",    "Fóx",     "foxes",   "foxtrot",  "fxo",    "red",         "RED",       "re",
      "reds",   "snow",    "snowing", "snowed",   "sonw",   "night,",      "nights",    "running",
      "runner", "run",     "runs",    "harbour",  "harbor", "mountain",    "mountains", "mountian",
      "a-b",    "IMG_12",  "img_123", "C++",      "don't",  "100%",        "é",         "e\u0301",
      "Straße", "STRASSE", "ﬁn",      "Ångström", "москва", "Москве",      "山",        "富士",
      "富士山", "日本語",  "がか",    "ไทย",      "हिन्दी",  "العربية",     "🦊",      "🦊🦊",
      "",       " ",       "-",       "\xff\xfe", "x\xffy", "12",          "2020",      "or",
      "NOT",    "and",     "tag:fox", "\"",       "(red)",  "straßenbahn", "Übergröße", "z"};
  return words;
}

const std::vector<std::string>& Tags() {
  static const std::vector<std::string> tags = {"fox",
                                                "Fox",
                                                "FÓX",
                                                "red fox",
                                                "Red  Fox",
                                                " red fox ",
                                                "foxes",
                                                "snow",
                                                "snö",
                                                "a-b",
                                                "a b",
                                                "山",
                                                "富士山",
                                                "富士",
                                                "🦊",
                                                "c++",
                                                "c",
                                                "",
                                                " ",
                                                "-",
                                                "--",
                                                "Москва",
                                                "x,y",
                                                "x",
                                                "y",
                                                "\"q\"",
                                                "\x01"
                                                "fox",
                                                "x\xffy",
                                                "re",
                                                "red",
                                                "new york",
                                                "new york city",
                                                "new",
                                                "york",
                                                "fox red",
                                                "a",
                                                "b",
                                                "tag",
                                                "UPPER lower",
                                                "straße",
                                                "strasse"};
  return tags;
}

const std::vector<std::string>& Licenses() {
  static const std::vector<std::string> licenses = {"",      "CC0-1.0",  "cc0-1.0",  "CC-BY-4.0",
                                                    "CC-BY", "Ünsplash", "unsplash", "all rights"};
  return licenses;
}

const std::vector<std::string>& Formats() {
  static const std::vector<std::string> formats = {"jpeg", "jpeg", "jpeg", "png",
                                                   "webp", "gif",  "heif", ""};
  return formats;
}

const std::vector<std::string>& Datasets() {
  static const std::vector<std::string> datasets = {"birds", "Birds", "birds 2", "Bäume", "x"};
  return datasets;
}

const std::vector<std::string>& Owners() {
  static const std::vector<std::string> owners = {"ann", "ann", "bob", "Ann", "anonymous", "Zoë"};
  return owners;
}

const std::vector<std::pair<std::string, std::string>>& Cameras() {
  static const std::vector<std::pair<std::string, std::string>> cameras = {
      {"Canon", "Canon EOS R5"},
      {"Canon", "EOS R5"},
      {"CANON", "Canon EOS R"},
      {"NIKON", "D850"},
      {"Apple", "iPhone 15 Pro"},
      {"Apple", "iPhone 15"},
      {"", "X100"},
      {"Leica", ""},
      {"FUJIFILM", "X-T5"}};
  return cameras;
}

const std::vector<std::string>& Lenses() {
  static const std::vector<std::string> lenses = {"RF 24-70mm F2.8", "RF 24-105mm", "Ålens 50",
                                                  "50mm", ""};
  return lenses;
}

const std::vector<std::pair<double, double>>& Places() {
  static const std::vector<std::pair<double, double>> places = {{90, 0},
                                                                {-90, 0},
                                                                {90, 135},
                                                                {89.9999, -170},
                                                                {-89.5, 10},
                                                                {0, 180},
                                                                {0, -180},
                                                                {0.0001, 179.9999},
                                                                {-0.5, -179.9},
                                                                {51.4779, 0},
                                                                {48.8584, 2.2945},
                                                                {48.86, 2.35},
                                                                {-33.8568, 151.2153},
                                                                {35.3606, 138.7274},
                                                                {0, 0}};
  return places;
}

const std::vector<uint32_t>& Colors() {
  static const std::vector<uint32_t> colors = {0xff0000, 0x00ff00, 0x0000ff, 0x000000, 0xffffff,
                                               0x808080, 0x123456, 0xffa500, 0x800080, 0xa52a2a,
                                               0xfe0101, 0xee1010, 0x008080};
  return colors;
}

const std::vector<int>& Sides() {
  static const std::vector<int> sides = {0,   1,   94,  95,  96,   100,  104,  105,
                                         106, 189, 190, 191, 2000, 3000, 6000, 65535};
  return sides;
}

const std::vector<PdqWords>& Hashes() {
  static const std::vector<PdqWords> hashes = [] {
    Draws draws(77);
    std::vector<PdqWords> roots(4);
    for (PdqWords& root : roots) root = {draws.Next(), draws.Next(), draws.Next(), draws.Next()};
    for (size_t i = 0; i < 4; ++i) {
      PdqWords near = roots[i];
      // Thirty different bits.
      for (int bit = 0; bit < 30; ++bit) near[bit % 4] ^= uint64_t{1} << (bit * 2 % 64);
      roots.push_back(near);
    }
    return roots;
  }();
  return hashes;
}

absl::Time Time(Draws& draws) {
  static const std::vector<absl::Time> edges = {
      absl::FromCivil(absl::CivilSecond(2020, 12, 31, 23, 59, 59), absl::UTCTimeZone()),
      absl::FromCivil(absl::CivilSecond(2021, 1, 1), absl::UTCTimeZone()),
      absl::FromCivil(absl::CivilSecond(2020, 2, 29, 12), absl::UTCTimeZone()),
      absl::FromCivil(absl::CivilSecond(2020, 12, 24), absl::UTCTimeZone())};
  if (draws.Chance(0.4)) return PickOf(draws, edges);
  return edges[0] - absl::Hours(20 * draws.Below(100)) + absl::Microseconds(draws.Below(3));
}

std::string Md5(Draws& draws) {
  std::string md5(16, static_cast<char>(draws.Below(3)));
  if (draws.Chance(0.3)) md5[15] = 'x';
  return md5;
}

std::string Text(Draws& draws, uint64_t most_words) {
  std::string text;
  for (uint64_t n = draws.Below(most_words + 1); n > 0; --n) {
    text += (text.empty() ? "" : " ") + PickOf(draws, Words());
  }
  return text;
}

}  // namespace stockroom::api::pool
