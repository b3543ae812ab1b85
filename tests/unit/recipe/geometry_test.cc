#include "services/common/recipe/geometry.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <string>

#include "services/common/base/status.h"
#include "tests/unit/recipe/check_geometry.h"
#include "tests/unit/recipe/random_recipe.h"

namespace stockroom {
namespace {

Geometry Plan(Size upright, std::string_view text) {
  const auto recipe = ParseRecipe(text);
  EXPECT_TRUE(recipe.ok()) << recipe.status();
  const auto plan = PlanGeometry(upright, *recipe);
  EXPECT_TRUE(plan.ok()) << plan.status();
  return plan.value_or(Geometry());
}

Size CanvasOf(Size upright, std::string_view text) { return Plan(upright, text).canvas; }

Rect WindowOf(Size upright, std::string_view text) { return Plan(upright, text).window; }

constexpr Size kPhoto = {4000, 3000};

TEST(Geometry, WithoutABoxThePictureKeepsItsSize) {
  EXPECT_EQ(CanvasOf(kPhoto, "format=png"), kPhoto);
  EXPECT_EQ(CanvasOf(kPhoto, "rotate=90"), (Size{3000, 4000}));
  EXPECT_EQ(CanvasOf({32768, 4}, "format=png"), (Size{16384, 2}));
}

TEST(Geometry, FitStaysInsideTheBox) {
  EXPECT_EQ(CanvasOf(kPhoto, "fit=320x320"), (Size{320, 240}));
  EXPECT_EQ(CanvasOf(kPhoto, "fit=320x0"), (Size{320, 240}));
  EXPECT_EQ(CanvasOf(kPhoto, "fit=0x300"), (Size{400, 300}));
  EXPECT_EQ(CanvasOf({100, 50}, "fit=320x320"), (Size{100, 50}));
  EXPECT_EQ(CanvasOf({100, 50}, "fit=320x320/enlarge=1"), (Size{320, 160}));
  EXPECT_EQ(CanvasOf({10000, 1}, "fit=100x100"), (Size{100, 1}));
  EXPECT_EQ(CanvasOf({1, 10000}, "fit=100x0/enlarge=1"), (Size{2, 16384}));
  EXPECT_EQ(CanvasOf({100000, 2000}, "fit=0x1000"), (Size{16384, 328}));
}

TEST(Geometry, CoverFillsTheBoxAndCutsTheRestOff) {
  const Geometry plan = Plan(kPhoto, "cover=300x300");
  EXPECT_EQ(plan.scaled, (Size{400, 300}));
  EXPECT_EQ(plan.window, (Rect{50, 0, 300, 300}));
  EXPECT_EQ(plan.canvas, (Size{300, 300}));
  EXPECT_EQ(WindowOf(kPhoto, "cover=300x300/gravity=w"), (Rect{0, 0, 300, 300}));
  EXPECT_EQ(WindowOf(kPhoto, "cover=300x300/gravity=ne"), (Rect{100, 0, 300, 300}));
  EXPECT_EQ(WindowOf(kPhoto, "cover=400x100/gravity=s"), (Rect{0, 200, 400, 100}));
}

TEST(Geometry, CoverShrinksItsBoxForSmallPictures) {
  EXPECT_EQ(CanvasOf({200, 100}, "cover=300x300"), (Size{100, 100}));
  EXPECT_EQ(CanvasOf({200, 100}, "cover=600x150"), (Size{200, 50}));
  EXPECT_EQ(CanvasOf({200, 100}, "cover=300x300/enlarge=1"), (Size{300, 300}));
  EXPECT_EQ(Plan({200, 100}, "cover=300x300/enlarge=1").scaled, (Size{600, 300}));
}

TEST(Geometry, CoverDoesNotEnlargeANeedleWithoutBounds) {
  const Recipe recipe = *ParseRecipe("cover=16384x1/enlarge=1");
  const auto plan = PlanGeometry({1, 100000}, recipe);
  EXPECT_EQ(DetailsOf(plan.status()).reason, "BAD_RECIPE");
  EXPECT_TRUE(PlanGeometry({1, 100}, recipe).ok());
}

TEST(Geometry, PadPutsThePictureOnACanvasOfTheWholeBox) {
  const Geometry plan = Plan(kPhoto, "pad=400x400");
  EXPECT_EQ(plan.scaled, (Size{400, 300}));
  EXPECT_EQ(plan.canvas, (Size{400, 400}));
  EXPECT_EQ(plan.left, 0);
  EXPECT_EQ(plan.top, 50);
  EXPECT_EQ(Plan(kPhoto, "pad=400x400/gravity=s").top, 100);
  const Geometry small = Plan({10, 10}, "pad=100x50/gravity=e");
  EXPECT_EQ(small.scaled, (Size{10, 10}));
  EXPECT_EQ(small.canvas, (Size{100, 50}));
  EXPECT_EQ(small.left, 90);
  EXPECT_EQ(small.top, 20);
  EXPECT_EQ(Plan({10, 10}, "pad=100x50/enlarge=1").scaled, (Size{50, 50}));
}

TEST(Geometry, ForceGivesTheRatioUpButNotTheBounds) {
  EXPECT_EQ(CanvasOf(kPhoto, "force=100x700"), (Size{100, 700}));
  EXPECT_EQ(CanvasOf({200, 100}, "force=400x400"), (Size{100, 100}));
  EXPECT_EQ(CanvasOf({200, 100}, "force=400x400/enlarge=1"), (Size{400, 400}));
}

TEST(Geometry, CropIsCutAtTheEdgeAndRefusedOutside) {
  EXPECT_EQ(Plan({100, 80}, "crop=90,10,50,500").area, (Rect{90, 10, 10, 70}));
  for (const char* outside : {"crop=100,0,1,1", "crop=0,80,1,1"}) {
    const auto plan = PlanGeometry({100, 80}, *ParseRecipe(outside));
    EXPECT_EQ(DetailsOf(plan.status()).reason, "BAD_RECIPE") << outside;
  }
}

TEST(Geometry, TheFocusStaysNearTheMiddle) {
  // A point at 75 % of 400 wants the window to start at 150; the edge allows 100.
  EXPECT_EQ(WindowOf(kPhoto, "cover=300x300/focus=750,0").left, 100);
  EXPECT_EQ(WindowOf(kPhoto, "cover=100x300/focus=750,0").left, 250);
  EXPECT_EQ(WindowOf(kPhoto, "cover=100x300/focus=0,0").left, 0);
  EXPECT_EQ(WindowOf(kPhoto, "cover=101x300/focus=500,1"), WindowOf(kPhoto, "cover=101x300"));
}

TEST(Geometry, TheFocusIsFollowedThroughCropRotateAndFlip) {
  // At (1000, 750) of 4000 x 3000.
  constexpr char kFocus[] = "/focus=250,250";
  const auto window = [&](const std::string& steps) { return WindowOf(kPhoto, steps + kFocus); };
  EXPECT_EQ(window("cover=100x300").left, 50);  // 0.25 * 400 - 50
  EXPECT_EQ(window("cover=100x300/flip=h").left, 250);
  EXPECT_EQ(window("cover=400x100/flip=v").top, 175);
  EXPECT_EQ(window("cover=100x300/rotate=180").left, 250);
  // Turned to 300 x 400, the point lies at 75 % of the width and 25 % of the height.
  EXPECT_EQ(window("cover=300x100/rotate=90").top, 50);
  EXPECT_EQ(window("cover=100x400/rotate=90").left, 175);
  EXPECT_EQ(window("cover=300x100/rotate=270").top, 250);
  EXPECT_EQ(window("cover=100x400/rotate=270").left, 25);
  // In the middle of what the crop leaves, then to its left.
  EXPECT_EQ(window("crop=0,0,2000,1500/cover=50x150").left, 75);
  EXPECT_EQ(window("crop=3000,0,1000,1500/cover=50x150").left, 0);
}

TEST(Geometry, HoldsWhatItPromisesForAnySizeAndRecipe) {
  std::mt19937_64 random(7);
  const auto side = [&random] {
    switch (random() % 8) {
      case 0:
        return 1;
      case 1:
        return std::numeric_limits<int>::max();
      case 2:
        return static_cast<int>(random() % 3) + 1;
      default:
        return static_cast<int>(random() % 20000) + 1;
    }
  };
  int planned = 0;
  for (int i = 0; i < 12000; ++i) {
    const std::string text = test::RandomRecipeText(random);
    const auto recipe = ParseRecipe(text);
    if (!recipe.ok()) continue;
    const Size upright = {side(), side()};
    const auto plan = PlanGeometry(upright, *recipe);
    if (!plan.ok()) {
      ASSERT_EQ(DetailsOf(plan.status()).reason, "BAD_RECIPE");
      continue;
    }
    ++planned;
    ASSERT_EQ(test::FaultOf(*plan, upright, *recipe), "")
        << upright.width << " x " << upright.height << " " << text;
  }
  EXPECT_GT(planned, 2000);
}

TEST(Geometry, FitKeepsTheRatioToHalfAPixel) {
  std::mt19937_64 random(8);
  for (int i = 0; i < 5000; ++i) {
    const Size upright = {static_cast<int>(random() % 9000) + 1,
                          static_cast<int>(random() % 9000) + 1};
    Recipe recipe;
    recipe.mode = Recipe::Mode::kFit;
    recipe.width = static_cast<int>(random() % 2000) + 1;
    recipe.height = static_cast<int>(random() % 2000) + 1;
    const Size size = PlanGeometry(upright, recipe)->scaled;
    const double factor = std::min({1.0, static_cast<double>(recipe.width) / upright.width,
                                    static_cast<double>(recipe.height) / upright.height});
    ASSERT_LE(std::abs(size.width - std::max(1.0, upright.width * factor)), 0.5001);
    ASSERT_LE(std::abs(size.height - std::max(1.0, upright.height * factor)), 0.5001);
    ASSERT_EQ(size, FitInside(upright, {recipe.width, recipe.height}));
  }
}

TEST(Geometry, WithinAnAreaTheFocusIsTheSamePoint) {
  const Recipe recipe = *ParseRecipe("crop=0,0,9,9/trim=5/cover=10x10/focus=500,100");
  const Recipe within = WithinArea(recipe, {1000, 1000}, {400, 200, 400, 100});
  EXPECT_EQ(within.crop, std::nullopt);
  EXPECT_EQ(within.trim, 0);
  EXPECT_EQ(within.focus, (Focus{250, 0}));
}

TEST(Geometry, AnAreaOnARungIsTheSamePart) {
  EXPECT_EQ(AreaOn({0, 0, 4000, 3000}, kPhoto, {1440, 1080}), (Rect{0, 0, 1440, 1080}));
  EXPECT_EQ(AreaOn({1000, 1500, 2000, 1500}, kPhoto, {400, 300}), (Rect{100, 150, 200, 150}));
  EXPECT_EQ(AreaOn({3999, 2999, 1, 1}, kPhoto, {40, 30}), (Rect{39, 29, 1, 1}));
}

}  // namespace
}  // namespace stockroom
