#include "services/api/search/similar/color.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <random>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace stockroom::api {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Looks Palette(const std::vector<std::pair<uint32_t, double>>& colors) {
  std::string entries;
  for (const auto& [rgb, weight] : colors) {
    absl::StrAppend(&entries, entries.empty() ? "" : ",",
                    absl::StrFormat(R"({"hex":"#%06x","weight":%f})", rgb, weight));
  }
  const auto looks = LooksOf({{"thumbhash", R"({"base64":"1QcSHQRnh493V4dIh4eXh1h4kJUI"})"},
                              {"palette", R"({"colors":[)" + entries + "]}"}});
  EXPECT_TRUE(looks.has_value());
  return looks.value_or(Looks{});
}

std::vector<std::string> NamesIn(const Looks& looks) {
  std::vector<std::string> names;
  for (size_t i = 0; i < ColorNames().size(); ++i) {
    if ((ColorsOf(looks) >> i & 1) != 0) names.emplace_back(ColorNames()[i]);
  }
  return names;
}

TEST(Color, LabIsThatOfTheStandard) {
  // sRGB by D65: the values that every converter gives.
  const std::map<uint32_t, std::array<double, 3>> known = {{0x000000, {0, 0, 0}},
                                                           {0xffffff, {100, 0, 0}},
                                                           {0x808080, {53.585, 0, 0}},
                                                           {0xff0000, {53.233, 80.109, 67.220}},
                                                           {0x00ff00, {87.737, -86.185, 83.181}},
                                                           {0x0000ff, {32.303, 79.197, -107.864}}};
  for (const auto& [rgb, expected] : known) {
    const Lab lab = LabOf(rgb);
    EXPECT_NEAR(lab.l, expected[0], 0.05) << std::hex << rgb;
    EXPECT_NEAR(lab.a, expected[1], 0.05) << std::hex << rgb;
    EXPECT_NEAR(lab.b, expected[2], 0.05) << std::hex << rgb;
  }
}

TEST(Color, EveryNameFindsItself) {
  EXPECT_EQ(ColorNames().size(), 12u);
  for (const std::string_view name : ColorNames()) {
    const auto rgb = RgbOfName(name);
    ASSERT_TRUE(rgb) << name;
    EXPECT_TRUE(HasColor(Palette({{*rgb, 1}}), *rgb)) << name;
    EXPECT_THAT(NamesIn(Palette({{*rgb, 1}})), ::testing::Contains(std::string(name)));
  }
  EXPECT_EQ(RgbOfName("gray"), RgbOfName("grey"));
  EXPECT_EQ(RgbOfName("Blue"), RgbOfName("blue"));
  EXPECT_FALSE(RgbOfName("bleu"));
  EXPECT_FALSE(RgbOfName(""));
}

TEST(Color, ANameIsWhatItsColourFinds) {
  std::mt19937 dice(3);
  int found = 0;
  for (int round = 0; round < 2000; ++round) {
    std::vector<std::pair<uint32_t, double>> colors;
    for (uint32_t n = dice() % 7; n > 0; --n) {
      colors.emplace_back(dice() & 0xffffff, static_cast<double>(dice() % 100) / 100);
    }
    const Looks looks = Palette(colors);
    for (size_t i = 0; i < ColorNames().size(); ++i) {
      const bool has = HasColor(looks, *RgbOfName(ColorNames()[i]));
      ASSERT_EQ((ColorsOf(looks) >> i & 1) != 0, has);
      found += has ? 1 : 0;
    }
  }
  EXPECT_GT(found, 1000);
}

// Of the stored colour, which is a step of the true one at most; so only what is clearly near or
// clearly far is asked for.
TEST(Color, NearIsByCie76) {
  std::mt19937 dice(4);
  int near = 0;
  for (int round = 0; round < 5000; ++round) {
    const uint32_t stored = dice() & 0xffffff;
    const uint32_t asked = dice() & 0xffffff;
    const Lab x = LabOf(stored);
    const Lab y = LabOf(asked);
    const double delta =
        std::sqrt(std::pow(x.l - y.l, 2) + std::pow(x.a - y.a, 2) + std::pow(x.b - y.b, 2));
    const Looks looks = Palette({{stored, 1}});
    if (delta < kColorDistance - 4) {
      EXPECT_TRUE(HasColor(looks, asked)) << std::hex << stored << " " << asked;
      ++near;
    } else if (delta > kColorDistance + 4) {
      EXPECT_FALSE(HasColor(looks, asked)) << std::hex << stored << " " << asked;
    }
  }
  EXPECT_GT(near, 50);
}

TEST(Color, ALittleOfAColourIsNotEnough) {
  const uint32_t red = *RgbOfName("red");
  const uint32_t teal = *RgbOfName("teal");
  EXPECT_TRUE(HasColor(Palette({{teal, 0.8}, {red, 0.2}}), red));
  EXPECT_FALSE(HasColor(Palette({{teal, 0.95}, {red, 0.05}}), red));
  // Two reds together are.
  EXPECT_TRUE(HasColor(Palette({{teal, 0.82}, {red, 0.09}, {red + 0x050505, 0.09}}), red));
  // What counts is the share of what is known.
  EXPECT_TRUE(HasColor(Palette({{teal, 0.05}, {red, 0.05}}), red));
}

TEST(Color, NothingHasNoColour) {
  EXPECT_THAT(NamesIn(Looks{}), IsEmpty());
  EXPECT_FALSE(HasColor(Looks{}, 0x000000u));
  EXPECT_THAT(NamesIn(Palette({{0xffffff, 1}})), ElementsAre("white"));
}

}  // namespace
}  // namespace stockroom::api
