#include "services/api/domain/negotiation.h"

#include <gtest/gtest.h>

namespace stockroom::api {
namespace {

constexpr Preferences kBrowser{.avif = 1000, .webp = 1000, .jpeg = 800, .png = 800, .gif = 800};

TEST(Negotiation, TheFewestBytesAmongEquallyLikedFormats) {
  EXPECT_EQ(ChooseFormat(kBrowser, {}, true), ImageFormat::kAvif);
  EXPECT_EQ(ChooseFormat(kBrowser, {}, false), ImageFormat::kWebp);
  EXPECT_EQ(ChooseFormat({}, {}, true), ImageFormat::kJpeg);
  EXPECT_EQ(ChooseFormat({}, {.has_alpha = true}, true), ImageFormat::kPng);
  EXPECT_EQ(ChooseFormat({.webp = 1}, {.has_alpha = true}, true), ImageFormat::kPng);
}

TEST(Negotiation, QualityValuesAreRespected) {
  EXPECT_EQ(ChooseFormat({.webp = 500}, {}, false), ImageFormat::kJpeg);
  EXPECT_EQ(ChooseFormat({.avif = 400, .webp = 900, .jpeg = 800}, {}, true), ImageFormat::kWebp);
  EXPECT_EQ(ChooseFormat({.jpeg = 0, .png = 1000, .gif = 0}, {}, true), ImageFormat::kPng);
  EXPECT_EQ(ChooseFormat({.jpeg = 0, .png = 0, .gif = 0}, {}, true), ImageFormat::kJpeg);
}

TEST(Negotiation, AnAnimationStaysOne) {
  EXPECT_EQ(ChooseFormat(kBrowser, {.animated = true}, true), ImageFormat::kWebp);
  EXPECT_EQ(ChooseFormat({}, {.animated = true}, true), ImageFormat::kGif);
}

TEST(Negotiation, HintsLeadToAFewSizes) {
  Recipe recipe = *ParseRecipe("fit=320x0");
  EXPECT_EQ(AsHinted(recipe, {}), recipe);
  EXPECT_EQ(AsHinted(recipe, {.dpr = 1.2}).width, 480);
  EXPECT_EQ(AsHinted(recipe, {.dpr = 8}).width, 1280);
  EXPECT_EQ(AsHinted(recipe, {.dpr = 2, .width = 500}).width, 640);
  EXPECT_EQ(AsHinted(recipe, {.width = 16384}).width, 3840);
  EXPECT_EQ(AsHinted(recipe, {.width = 1}).width, 160);
  EXPECT_EQ(AsHinted(recipe, {.viewport_width = 200}).width, 240);
  EXPECT_EQ(AsHinted(recipe, {.viewport_width = 2000}).width, 320);
  EXPECT_EQ(AsHinted(recipe, {.dpr = 3, .viewport_width = 400}).width, 960);
  EXPECT_EQ(AsHinted(recipe, {.dpr = 4, .viewport_width = 100}).width, 480);
}

TEST(Negotiation, SaveDataLowersTheQualityAndNeverRaisesIt) {
  EXPECT_EQ(AsHinted(*ParseRecipe("fit=320x0"), {.save_data = true}).quality, 50);
  EXPECT_EQ(AsHinted(*ParseRecipe("fit=320x0/q=30"), {.save_data = true}).quality, 30);
}

}  // namespace
}  // namespace stockroom::api
