#include "services/api/search/similar/looks.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <random>
#include <vector>

#include "absl/strings/escaping.h"

namespace stockroom::api {
namespace {

using Analysis = std::map<std::string, std::string>;

// A landscape ThumbHash of 7 x 5 components without alpha, from its parts.
struct Hash {
  int l = 32, p = 32, q = 32, l_scale = 0, p_scale = 0, q_scale = 0;
  std::vector<int> nibbles = std::vector<int>(33, 8);  // 23 of L, 5 of P, 5 of Q
};

Analysis Described(const Hash& hash, const std::string& colors = "") {
  const int header = hash.l | hash.p << 6 | hash.q << 12 | hash.l_scale << 18;
  std::string bytes;
  for (const int shift : {0, 8, 16}) bytes += static_cast<char>(header >> shift & 255);
  const int more = 5 | hash.p_scale << 3 | hash.q_scale << 9 | 1 << 15;
  for (const int shift : {0, 8}) bytes += static_cast<char>(more >> shift & 255);
  for (size_t i = 0; i < hash.nibbles.size(); ++i) {
    if (i % 2 == 0) bytes += '\0';
    bytes.back() = static_cast<char>(bytes.back() | hash.nibbles[i] << (i % 2 * 4));
  }
  Analysis analysis = {
      {"thumbhash", nlohmann::json{{"base64", absl::Base64Escape(bytes)}, {"aspect", 1.4}}.dump()}};
  if (!colors.empty()) analysis["palette"] = R"({"colors":[)" + colors + "]}";
  return analysis;
}

// The blurred picture that the hash describes, luminance and halves of the colour differences, on a
// fine grid.
std::vector<double> Picture(const Hash& hash) {
  constexpr int kSide = 64;
  std::vector<double> picture;
  for (int y = 0; y < kSide; ++y) {
    for (int x = 0; x < kSide; ++x) {
      const auto wave = [&](int c, int at) { return std::cos(M_PI / kSide * c * (at + 0.5)); };
      size_t nibble = 0;
      const auto channel = [&](double mean, double scale, int nx, int ny, int kept) {
        double value = mean;
        for (int cy = 0; cy < ny; ++cy) {
          for (int cx = cy == 0 ? 1 : 0; cx * ny < nx * (ny - cy); ++cx) {
            const double ac = (hash.nibbles[nibble++] / 7.5 - 1) * scale;
            // What inverts the cosine transform by which the hash was made.
            const double inverse = cx > 0 && cy > 0 ? 4 : 2;
            if (cx + cy <= kept) value += ac * inverse * wave(cx, x) * wave(cy, y);
          }
        }
        return value;
      };
      picture.push_back(channel(hash.l / 63.0, hash.l_scale / 31.0, 7, 5, 3));
      picture.push_back(channel(hash.p / 31.5 - 1, hash.p_scale / 63.0, 3, 3, 2) / 2);
      picture.push_back(channel(hash.q / 31.5 - 1, hash.q_scale / 63.0, 3, 3, 2) / 2);
    }
  }
  return picture;
}

TEST(Looks, TheBlurDistanceIsTheDifferenceOfTheBlurredPictures) {
  std::mt19937 dice(5);
  const auto random = [&](int below) { return static_cast<int>(dice() % below); };
  for (int round = 0; round < 20; ++round) {
    Hash hashes[2];
    for (Hash& hash : hashes) {
      hash = {.l = 20 + random(20),
              .p = 28 + random(8),
              .q = 28 + random(8),
              .l_scale = random(8),
              .p_scale = random(8),
              .q_scale = random(8)};
      for (int& nibble : hash.nibbles) nibble = random(16);
    }
    const std::vector<double> a = Picture(hashes[0]);
    const std::vector<double> b = Picture(hashes[1]);
    double sum = 0;
    for (size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
    const double rms = std::sqrt(sum / (static_cast<double>(a.size()) / 3));
    const auto x = LooksOf(Described(hashes[0]));
    const auto y = LooksOf(Described(hashes[1]));
    ASSERT_TRUE(x && y);
    // 22 coefficients, each rounded to 1/254 in both: the root of their mean square differs by
    // about 1/500 of S, at most a few times that.
    EXPECT_NEAR(BlurDistance(*x, *y), std::min(1.0, rms) / 2, 0.003);
    EXPECT_EQ(LooksDistance(*x, *y), LooksDistance(*y, *x));
    EXPECT_EQ(LooksDistance(*x, *x), 0);
  }
}

TEST(Looks, BlackAndWhiteHaveNothingInCommon) {
  const auto black = LooksOf(Described({.l = 0}, R"({"hex":"#000000","weight":1})"));
  const auto white = LooksOf(Described({.l = 63}, R"({"hex":"#ffffff","weight":1})"));
  EXPECT_NEAR(LooksDistance(*black, *white), 1, 0.001);
}

TEST(Looks, PalettesAreComparedByNearestColours) {
  const auto red = LooksOf(Described({}, R"({"hex":"#ff0000","weight":1})"));
  const auto nearly = LooksOf(Described({}, R"({"hex":"#f01010","weight":1})"));
  const auto half =
      LooksOf(Described({}, R"({"hex":"#ff0000","weight":0.5},{"hex":"#0000ff","weight":0.5})"));
  const auto none = LooksOf(Described({}));
  EXPECT_LT(PaletteDistance(*red, *nearly), 0.05);
  // OKLab: red (0.628, 0.225, 0.126), blue (0.452, -0.032, -0.312). Half of one way, none of the
  // other.
  const double far = std::hypot(0.628 - 0.452, 0.225 + 0.032, 0.126 + 0.312);
  // Colours are stored in steps of 0.008 (chroma) and 0.016 (lightness).
  EXPECT_NEAR(PaletteDistance(*red, *half), far / 2 / 2 / 2, 0.005);
  EXPECT_EQ(PaletteDistance(*red, *half), PaletteDistance(*half, *red));
  EXPECT_EQ(PaletteDistance(*none, *none), 0);
  EXPECT_EQ(PaletteDistance(*none, *red), 0.5f);
}

// PutAnalysis may store anything under the names of the processors.
TEST(Looks, WhateverStandsThereIsReadOrLeftOut) {
  const std::string good = Described({}).at("thumbhash");
  for (const std::string& thumbhash :
       {std::string(), std::string("null"), std::string("[]"), std::string("{"), std::string("{}"),
        std::string(R"({"base64":null})"), std::string(R"({"base64":["x"]})"),
        std::string(R"({"base64":"%%%"})"), std::string(R"({"base64":""})"),
        std::string(R"({"base64":"AAAAAA=="})"), std::string(R"({"base64":"////////////////"})"),
        std::string(R"({"x":)") + std::string(60000, '[') + "}", "\xff\xfe" + good}) {
    EXPECT_FALSE(LooksOf({{"thumbhash", thumbhash}})) << thumbhash.substr(0, 60);
  }
  EXPECT_FALSE(LooksOf({}));
  const auto plain = LooksOf({{"thumbhash", good}});
  ASSERT_TRUE(plain);
  for (const std::string& palette :
       {std::string("7"), std::string(R"({"colors":{}})"), std::string(R"({"colors":[7,[],{}]})"),
        std::string(R"({"colors":[{"hex":7,"weight":1},{"hex":"#12","weight":1}]})"),
        std::string(R"({"colors":[{"hex":"#gggggg","weight":1},{"hex":"#123456"}]})"),
        std::string(R"({"colors":[{"hex":"#123456","weight":1e999}]})")}) {
    const auto looks = LooksOf({{"thumbhash", good}, {"palette", palette}});
    ASSERT_TRUE(looks) << palette;
    EXPECT_EQ(LooksDistance(*looks, *plain), 0) << palette;
  }
  const auto many =
      LooksOf({{"thumbhash", good}, {"palette", [] {
                                       std::string colors = R"({"hex":"#123456","weight":-1e308})";
                                       for (int i = 0; i < 40; ++i)
                                         colors += R"(,{"hex":"#ABCDEF","weight":1e308})";
                                       return R"({"colors":[)" + colors + "]}";
                                     }()}});
  ASSERT_TRUE(many);
  EXPECT_EQ(many->palette[4].weight(), 63);
}

}  // namespace
}  // namespace stockroom::api
