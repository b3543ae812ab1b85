#include "services/common/recipe/recipe.h"

#include <gtest/gtest.h>

#include <string>

namespace stockroom {
namespace {

TEST(Recipe, EqualTransformsHaveEqualText) {
  const std::string canonical = "fit=320x0/format=webp/q=80";
  for (const char* same :
       {"fit=320x0/format=webp/q=80", "q=80/format=webp/fit=320x0", "format=webp/fit=320x0"}) {
    const auto recipe = ParseRecipe(same);
    ASSERT_TRUE(recipe.ok()) << recipe.status();
    EXPECT_EQ(CanonicalText(*recipe), canonical);
  }
}

TEST(Recipe, CanonicalTextReadsBackAsTheSameRecipe) {
  for (const char* text :
       {"fit=1x1/format=auto/q=1", "fit=0x16384/format=png", "fit=150x150/format=jpeg/q=100"}) {
    EXPECT_EQ(CanonicalText(*ParseRecipe(text)), text);
  }
}

TEST(Recipe, AnythingElseIsRefused) {
  for (const char* bad : {"",
                          "fit",
                          "fit=",
                          "fit=x",
                          "fit=0x0",
                          "fit=-1x5",
                          "fit=+1x5",
                          "fit=01x5",
                          "fit=16385x1",
                          "fit=1x1x1",
                          "fit=1x1/fit=2x2",
                          "fit=1x1/",
                          "/fit=1x1",
                          "fit=1x1/q=0",
                          "fit=1x1/q=101",
                          "fit=1x1/format=gif",
                          "fit=1x1/blur=3",
                          "format=jpeg",
                          "fit=1x1/format=png/q=80",
                          "fit=99999999999x1",
                          "fit=1x1 "}) {
    EXPECT_FALSE(ParseRecipe(bad).ok()) << bad;
  }
}

TEST(Recipe, DifferentTransformsHaveDifferentKeys) {
  Recipe recipe{.width = 320, .height = 320, .format = ImageFormat::kJpeg};
  const std::string key = RenditionKey(recipe);
  EXPECT_EQ(key.size(), 32u);
  EXPECT_EQ(key, RenditionKey(recipe));
  recipe.quality = 81;
  EXPECT_NE(key, RenditionKey(recipe));
}

TEST(PresetName, IsShortAndPlain) {
  EXPECT_TRUE(IsPresetName("thumb-150"));
  for (const char* bad : {"", "1thumb", "-a", "Thumb", "a/b", "a.b", "a_b"}) {
    EXPECT_FALSE(IsPresetName(bad)) << bad;
  }
  EXPECT_FALSE(IsPresetName(std::string(33, 'a')));
}

}  // namespace
}  // namespace stockroom
