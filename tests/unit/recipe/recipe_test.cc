#include "services/common/recipe/recipe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <random>
#include <string>

#include "services/common/base/status.h"
#include "tests/unit/recipe/random_recipe.h"

namespace stockroom {
namespace {

using ::testing::HasSubstr;

std::string Canonical(std::string_view text) {
  const auto recipe = ParseRecipe(text);
  return recipe.ok() ? CanonicalText(*recipe) : std::string(recipe.status().message());
}

TEST(Recipe, EqualTransformsHaveEqualText) {
  const std::string canonical = "fit=320x0/format=webp/q=80";
  for (const char* same :
       {"fit=320x0/format=webp/q=80", "q=80/format=webp/fit=320x0", "format=webp/fit=320x0",
        "fit=160x0/dpr=2/format=webp", "fit=320x0/format=webp/gray=0/gamma=1.0/brightness=0",
        "rotate=0/fit=320x0/format=webp/lossless=0/enlarge=0/dpr=1"}) {
    EXPECT_EQ(Canonical(same), canonical);
  }
}

TEST(Recipe, TextsOfOldRenditionsAreStillTheirs) {
  for (const char* text :
       {"fit=320x320/format=jpeg/q=80", "fit=1x1/format=auto/q=1", "fit=0x16384/format=png",
        "fit=150x150/format=jpeg/q=100", "fit=720x0/format=webp/q=80"}) {
    EXPECT_EQ(Canonical(text), text);
  }
}

TEST(Recipe, EveryStepIsReadAndWritten) {
  for (const char* text :
       {"crop=0,0,10000000,1/format=png",
        "trim=255/rotate=270/cover=5x6/enlarge=1/gravity=smart/format=auto/q=80",
        "crop=1,2,3,4/trim=9/rotate=90/flip=v/cover=16384x1/focus=0,1000/format=webp/lossless=1",
        "pad=30x40/gravity=nw/bg=01020380/format=png/palette=1",
        "pad=30x40/bg=ffffff/format=auto/q=80", "force=7x8/bg=000000/format=jpeg/q=1",
        "fit=5x0/blur=100/sharpen=0.3/brightness=-100/contrast=100/saturation=-1/gamma=9.9/gray=1/"
        "sepia=1/negate=1/tint=00ff7f/pixelate=512/mark=logo,e,1,100/format=avif/q=50",
        "mark=logo,n/format=gif/still=1", "mark=logo,se,30/format=gif", "mark=logo/format=gif",
        "format=jpeg/q=80/keep=copyright/color=p3",
        "format=auto/q=7/lossless=1/palette=1/still=1/keep=copyright/color=p3",
        "format=auto/q=80"}) {
    EXPECT_EQ(Canonical(text), text);
  }
}

TEST(Recipe, OfTwoWaysToSayTheSameOneIsLeft) {
  const std::map<std::string, std::string> pairs = {
      {"flip=hv/format=png", "rotate=180/format=png"},
      {"rotate=90/flip=hv/format=png", "rotate=270/format=png"},
      {"rotate=180/flip=hv/format=png", "format=png"},
      {"rotate=180/flip=h/format=png", "flip=v/format=png"},
      {"rotate=270/flip=h/format=png", "rotate=90/flip=v/format=png"},
      {"cover=1x2/focus=500,500/format=png", "cover=1x2/format=png"},
      {"cover=1x2/gravity=center/format=png", "cover=1x2/format=png"},
      {"crop=0,0,9,9/cover=1x2/focus=500,500/format=png",
       "crop=0,0,9,9/cover=1x2/focus=500,500/format=png"},
      {"pad=1x2/bg=12345600/format=png", "pad=1x2/format=png"},
      {"pad=1x2/bg=ABCDEFff/format=png", "pad=1x2/bg=abcdef/format=png"},
      {"pad=1x2/bg=00000080/format=jpeg", "pad=1x2/bg=7f7f7f/format=jpeg/q=80"},
      {"pad=1x2/bg=ffffff/format=jpeg", "pad=1x2/format=jpeg/q=80"},
      {"fit=1x2/bg=ffffff", "fit=1x2/format=auto/q=80"},
      {"fit=1x2/still=1/format=jpeg", "fit=1x2/format=jpeg/q=80"},
      {"mark=logo,se,20,60/format=png", "mark=logo/format=png"},
      {"fit=16384x8192/dpr=2/format=png", "fit=16384x8192/format=png"},
      {"fit=1000x1/dpr=1.25/format=png", "fit=1250x1/format=png"},
      {"blur=3.0/format=png", "blur=3/format=png"},
  };
  for (const auto& [text, canonical] : pairs) EXPECT_EQ(Canonical(text), canonical) << text;
}

TEST(Recipe, AnythingElseIsRefused) {
  for (const char* bad : {"",
                          "/",
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
                          "fit=1x1//q=1",
                          "fit=1x1/q=0",
                          "fit=1x1/q=101",
                          "fit=1x1/blur=0",
                          "fit=1x1/blur=0.2",
                          "fit=1x1/blur=100.1",
                          "fit=1x1/blur=1.",
                          "fit=1x1/blur=.5",
                          "fit=1x1/blur=1.25",
                          "fit=1x1/blur=1e1",
                          "fit=1x1/blur=01",
                          "fit=1x1/format=jpg",
                          "fit=1x1/format=",
                          "fit=1x1/format=JPEG",
                          "fit=99999999999x1",
                          "fit=1x1 ",
                          " fit=1x1",
                          "Fit=1x1",
                          "cover=0x5",
                          "pad=5x0",
                          "force=0x1",
                          "crop=0,0,0,1",
                          "crop=0,0,1,0",
                          "crop=-1,0,1,1",
                          "crop=0,0,1",
                          "crop=0,0,1,1,1",
                          "crop=0,0,10000001,1",
                          "trim=0",
                          "trim=256",
                          "rotate=45",
                          "rotate=360",
                          "rotate=-90",
                          "flip=",
                          "flip=vh",
                          "flip=x",
                          "cover=1x1/gravity=up",
                          "cover=1x1/focus=1",
                          "cover=1x1/focus=0,1001",
                          "fit=1x1/dpr=0.5",
                          "fit=1x1/dpr=4.01",
                          "fit=1x1/dpr=1.001",
                          "fit=1x1/dpr=",
                          "bg=12345",
                          "bg=1234567",
                          "bg=gggggg",
                          "bg=0x1234",
                          "bg=-12345",
                          "brightness=-0",
                          "brightness=101",
                          "brightness=+1",
                          "gamma=0",
                          "gamma=0.0",
                          "gamma=10",
                          "gray=2",
                          "gray=",
                          "gray=01",
                          "tint=12345678",
                          "pixelate=1",
                          "pixelate=513",
                          "mark=",
                          "mark=Logo",
                          "mark=logo,smart",
                          "mark=logo,",
                          "mark=logo,se,0",
                          "mark=logo,se,101",
                          "mark=logo,se,1,0",
                          "mark=logo,se,1,1,1",
                          "keep=all",
                          "color=srgb",
                          "unknown=1",
                          "=1"}) {
    EXPECT_FALSE(ParseRecipe(bad).ok()) << bad;
  }
}

TEST(Recipe, StepsThatContradictEachOtherAreRefused) {
  for (const char* bad : {"fit=1x1/cover=1x1",
                          "pad=1x1/force=1x1",
                          "cover=1x1/focus=1,1/gravity=n",
                          "cover=1x1/focus=1,1/gravity=center",
                          "fit=1x1/gravity=n",
                          "gravity=center",
                          "pad=1x1/gravity=smart",
                          "fit=1x1/focus=1,1",
                          "pad=1x1/focus=1,1",
                          "enlarge=1",
                          "dpr=2",
                          "bg=123456/format=png",
                          "fit=1x1/bg=123456/format=webp",
                          "palette=1/format=jpeg",
                          "palette=1/format=webp",
                          "lossless=1/format=jpeg",
                          "lossless=1/format=png",
                          "q=80/format=png",
                          "q=80/format=gif",
                          "q=80/lossless=1/format=webp",
                          "q=80/lossless=1/format=avif",
                          "keep=copyright/format=gif",
                          "color=p3/format=gif"}) {
    EXPECT_FALSE(ParseRecipe(bad).ok()) << bad;
  }
  for (const char* good : {"q=80/lossless=1/format=auto", "palette=1", "bg=123456",
                           "q=80/lossless=0/format=webp", "palette=0/format=jpeg"}) {
    EXPECT_TRUE(ParseRecipe(good).ok()) << good;
  }
}

TEST(Recipe, ErrorsNameTheStepAndWhatIsExpected) {
  const absl::Status status = ParseRecipe("fit=1x1/blur=0.1").status();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_EQ(DetailsOf(status).reason, "BAD_RECIPE");
  EXPECT_EQ(status.message(),
            "recipe step 'blur=0.1': expected blur=0.3 to blur=100 with up to one decimal");
  EXPECT_THAT(Canonical("fit=1x1/blurr=3"), HasSubstr("'blurr=3': expected one of crop=, trim="));
  EXPECT_THAT(Canonical("fit=1x1/format=png/q=3"), HasSubstr("'q=3': expected no format=png"));
}

TEST(Recipe, ErrorsAreShortAndPrintableWhateverTheTextHolds) {
  const std::string message = Canonical(std::string("\0\n\xff\xc3", 4) + std::string(500, 'x'));
  EXPECT_THAT(message, HasSubstr("'????xxx"));
  EXPECT_LT(message.size(), 600u);
  EXPECT_FALSE(ParseRecipe("fit=1x1/" + std::string(kMaxRecipeText, ' ')).ok());
}

TEST(Recipe, CanonicalTextIsTheSameAgainWhateverTheRecipe) {
  std::mt19937_64 random(5);
  std::map<std::string, Recipe> seen;
  int right = 0;
  for (int i = 0; i < 10000; ++i) {
    const std::string text = test::RandomRecipeText(random);
    const auto recipe = ParseRecipe(text);
    if (!recipe.ok()) continue;
    ++right;
    const std::string canonical = CanonicalText(*recipe);
    const auto again = ParseRecipe(canonical);
    ASSERT_TRUE(again.ok()) << text << " -> " << canonical << ": " << again.status();
    ASSERT_EQ(*again, *recipe) << text << " -> " << canonical;
    ASSERT_EQ(CanonicalText(*again), canonical);
    ASSERT_EQ(Normalized(*recipe), *recipe) << text;
    // One text, one recipe; the other way round follows from the line above.
    const auto [known, first] = seen.emplace(canonical, *recipe);
    ASSERT_TRUE(first || known->second == *recipe) << canonical;
  }
  EXPECT_GT(right, 2000);
}

TEST(Recipe, ResolvedRecipesAreDefiniteAndReadBackAsTheSame) {
  std::mt19937_64 random(6);
  for (int i = 0; i < 10000; ++i) {
    const auto recipe = ParseRecipe(test::RandomRecipeText(random));
    if (!recipe.ok()) continue;
    for (const ImageFormat format : {ImageFormat::kJpeg, ImageFormat::kPng, ImageFormat::kWebp,
                                     ImageFormat::kAvif, ImageFormat::kGif}) {
      const Recipe resolved = Resolved(*recipe, {.format = format, .focus = {250, 750}});
      ASSERT_NE(resolved.format, ImageFormat::kAuto);
      ASSERT_NE(resolved.gravity, Gravity::kSmart);
      const auto again = ParseRecipe(CanonicalText(resolved));
      ASSERT_TRUE(again.ok()) << CanonicalText(resolved) << ": " << again.status();
      ASSERT_EQ(*again, resolved);
      ASSERT_EQ(Resolved(resolved, {}), resolved);
    }
  }
}

TEST(Recipe, ResolvingDropsWhatTheFormatHasNoUseFor) {
  const Recipe recipe =
      *ParseRecipe("pad=4x4/bg=00000080/q=70/lossless=1/palette=1/still=1/keep=copyright/color=p3");
  const auto text = [&recipe](ImageFormat format) {
    return CanonicalText(Resolved(recipe, {.format = format}));
  };
  EXPECT_EQ(text(ImageFormat::kJpeg), "pad=4x4/bg=7f7f7f/format=jpeg/q=70/keep=copyright/color=p3");
  EXPECT_EQ(text(ImageFormat::kPng),
            "pad=4x4/bg=00000080/format=png/palette=1/keep=copyright/color=p3");
  EXPECT_EQ(text(ImageFormat::kWebp),
            "pad=4x4/bg=00000080/format=webp/lossless=1/still=1/keep=copyright/color=p3");
  EXPECT_EQ(text(ImageFormat::kGif), "pad=4x4/bg=00000080/format=gif/still=1");
}

TEST(Recipe, SmartBecomesTheFocusThatIsKnown) {
  const Recipe smart = *ParseRecipe("cover=4x4/gravity=smart/format=png");
  EXPECT_EQ(CanonicalText(Resolved(smart, {.focus = {100, 900}})),
            "cover=4x4/focus=100,900/format=png");
  EXPECT_EQ(CanonicalText(Resolved(smart, {.focus = {-5, 2000}})),
            "cover=4x4/focus=0,1000/format=png");
  EXPECT_EQ(CanonicalText(Resolved(smart, {})), "cover=4x4/format=png");
}

TEST(Recipe, ScalingKeepsTheBoxesRatioAndItsBounds) {
  const Recipe recipe = *ParseRecipe("cover=4000x1000/format=png");
  const auto text = [&recipe](double scale) { return CanonicalText(Scaled(recipe, scale)); };
  EXPECT_EQ(text(2), "cover=8000x2000/format=png");
  EXPECT_EQ(text(1e300), "cover=16384x4096/format=png");
  EXPECT_EQ(text(1e-300), "cover=1x1/format=png");
  for (const double no_scale :
       {0.0, -1.0, std::nan(""), -std::numeric_limits<double>::infinity()}) {
    EXPECT_EQ(text(no_scale), "cover=4000x1000/format=png");
  }
  EXPECT_EQ(CanonicalText(Scaled(*ParseRecipe("fit=0x10/format=png"), 3)), "fit=0x30/format=png");
  EXPECT_EQ(CanonicalText(Scaled(*ParseRecipe("format=png"), 3)), "format=png");
}

TEST(Recipe, DifferentTransformsHaveDifferentKeys) {
  Recipe recipe = *ParseRecipe("fit=320x320/format=jpeg");
  const std::string key = RenditionKey(recipe);
  EXPECT_EQ(key.size(), 32u);
  EXPECT_EQ(key, RenditionKey(recipe));
  recipe.quality = 81;
  EXPECT_NE(key, RenditionKey(recipe));
}

TEST(Format, IsKnownByNameAndByExtension) {
  EXPECT_EQ(FormatFromName("jpg"), ImageFormat::kJpeg);
  for (const ImageFormat format : {ImageFormat::kJpeg, ImageFormat::kPng, ImageFormat::kWebp,
                                   ImageFormat::kAvif, ImageFormat::kGif}) {
    EXPECT_EQ(FormatFromName(FormatName(format)), format);
    EXPECT_EQ(FormatFromName(FormatExtension(format)), format);
    EXPECT_TRUE(FormatMediaType(format).starts_with("image/"));
  }
  EXPECT_EQ(FormatFromName("auto"), ImageFormat::kAuto);
  for (const char* other : {"", "JPG", "tiff", "jpeg ", "svg"}) {
    EXPECT_EQ(FormatFromName(other), std::nullopt) << other;
  }
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
