#include "services/common/recipe/ladder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/common/recipe/cost.h"

namespace stockroom {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

SourceTraits Photo(Size size = {4000, 3000}) { return {.size = size, .format = "jpeg"}; }

Recipe Made(std::string_view text) { return Resolved(*ParseRecipe(text), {}); }

TEST(Ladder, HasTheRungsThatAreAtMostHalfOfTheOriginal) {
  const auto rungs = LadderOf(Photo(), std::vector{512, 2000, 2001, 512, 0, -1});
  ASSERT_EQ(rungs.size(), 2u);
  EXPECT_EQ(rungs[0].size, (Size{2000, 1500}));
  EXPECT_EQ(rungs[1].size, (Size{512, 384}));
  EXPECT_EQ(CanonicalText(rungs[1].recipe), "fit=512x512/format=jpeg/q=90");
  EXPECT_EQ(rungs[1].key, RenditionKey(Made("fit=512x512/format=jpeg/q=90")));
}

TEST(Ladder, IsOnlyForStillPicturesWithoutAlpha) {
  SourceTraits moving = Photo();
  moving.frames = 2;
  EXPECT_THAT(LadderOf(moving, std::vector{512}), IsEmpty());
  SourceTraits glass = Photo();
  glass.has_alpha = true;
  EXPECT_THAT(LadderOf(glass, std::vector{512}), IsEmpty());
}

TEST(Ladder, TheSmallestRungThatIsLargeEnoughIsTaken) {
  const auto rungs = LadderOf(Photo(), std::vector{2000, 1000, 500});
  ASSERT_EQ(rungs.size(), 3u);
  EXPECT_EQ(ChooseRung(Photo(), Made("fit=333x0"), rungs), &rungs[2]);
  EXPECT_EQ(ChooseRung(Photo(), Made("fit=334x0"), rungs), &rungs[1]);
  EXPECT_EQ(ChooseRung(Photo(), Made("fit=1333x0"), rungs), &rungs[0]);
  EXPECT_EQ(ChooseRung(Photo(), Made("fit=1334x0"), rungs), nullptr);
  EXPECT_EQ(ChooseRung(Photo(), Made("format=jpeg"), rungs), nullptr);
  // The side that needs most decides: 300 of 3000.
  EXPECT_EQ(ChooseRung(Photo(), Made("cover=10x300"), rungs), &rungs[1]);
  EXPECT_EQ(ChooseRung(Photo(), Made("force=10x250"), rungs), &rungs[2]);
}

TEST(Ladder, ARungMustHaveThePixelsWithinTheCrop) {
  const auto rungs = LadderOf(Photo(), std::vector{2000});
  EXPECT_EQ(ChooseRung(Photo(), Made("crop=0,0,1000,750/fit=300x0"), rungs), &rungs[0]);
  EXPECT_EQ(ChooseRung(Photo(), Made("crop=0,0,1000,750/fit=400x0"), rungs), nullptr);
  EXPECT_EQ(ChooseRung(Photo(), Made("crop=9,9,3,3/fit=1x1"), rungs), &rungs[0]);
  EXPECT_EQ(ChooseRung(Photo(), Made("crop=9,9,2,2/fit=1x1"), rungs), nullptr);
  EXPECT_EQ(ChooseRung(Photo(), Made("crop=5000,9,2,2/fit=1x1"), rungs), nullptr);
}

TEST(Ladder, TurnedRecipesNeedTheirPixelsOnTheOtherSide) {
  const auto rungs = LadderOf(Photo(), std::vector{1000});  // 1000 x 750
  EXPECT_EQ(ChooseRung(Photo(), Made("rotate=90/force=100x600"), rungs), &rungs[0]);
  EXPECT_EQ(ChooseRung(Photo(), Made("rotate=90/force=600x100"), rungs), nullptr);
  EXPECT_EQ(ChooseRung(Photo(), Made("force=600x100"), rungs), &rungs[0]);
}

TEST(Ladder, RecipesAboutTheOriginalsOwnPixelsTakeTheOriginal) {
  const auto rungs = LadderOf(Photo(), std::vector{1000});
  for (const char* own : {"fit=9x9/trim=9", "fit=9x9/color=p3", "fit=9x9/keep=copyright",
                          "fit=9x9/format=webp/lossless=1"}) {
    EXPECT_EQ(ChooseRung(Photo(), Made(own), rungs), nullptr) << own;
  }
}

TEST(Ladder, IsTwiceTheLargestPreset) {
  const std::vector<Recipe> presets = {Made("fit=150x150"), Made("cover=300x720"),
                                       Made("format=webp")};
  EXPECT_THAT(LadderSidesFor(presets), ElementsAre(1440));
  EXPECT_THAT(LadderSidesFor(std::vector{Made("format=webp")}), IsEmpty());
  EXPECT_THAT(LadderSidesFor(std::vector{Made("fit=16384x1")}), ElementsAre(16384));
}

TEST(Cost, GrowsWithWhatIsToBeDone) {
  const auto ms = [](const SourceTraits& source, const char* text) {
    return PredictCost(source, Made(text)).cpu_ms;
  };
  const char* small = "fit=320x0/format=jpeg";
  EXPECT_LT(ms(Photo({1440, 1080}), small), ms(Photo(), small));
  EXPECT_LT(ms(Photo(), small), ms(Photo(), "fit=720x0/format=jpeg"));
  EXPECT_LT(ms(Photo(), "fit=720x0/format=jpeg"), ms(Photo(), "fit=720x0/format=webp"));
  EXPECT_LT(ms(Photo(), small), ms(Photo(), "fit=320x0/format=jpeg/blur=9"));
  SourceTraits progressive = Photo();
  progressive.progressive = true;
  EXPECT_LT(ms(Photo(), small), ms(progressive, small));
  EXPECT_LT(PredictCost(Photo(), Made(small)).memory_bytes,
            PredictCost(progressive, Made(small)).memory_bytes);
  SourceTraits moving = {.size = {500, 500}, .format = "gif", .frames = 50};
  EXPECT_LT(10 * ms(moving, "fit=99x0/format=gif/still=1"), ms(moving, "fit=99x0/format=gif"));
}

TEST(Cost, IsANumberForEverything) {
  SourceTraits monster = {.size = {2147483647, 2147483647},
                          .format = "unheard-of",
                          .frames = 2147483647,
                          .bytes = int64_t{1} << 62};
  const RenderCost cost = PredictCost(monster, Made("rotate=90/format=webp"));
  EXPECT_GT(cost.cpu_ms, 1e6);
  EXPECT_GT(cost.memory_bytes, int64_t{1} << 40);
  // A crop of the original, of which the rung is planned.
  EXPECT_GT(PredictCost(Photo({400, 300}), Made("crop=2000,0,500,500/fit=99x99")).cpu_ms, 2);
  EXPECT_GE(PredictCost({.size = {1, 1}, .bytes = -5}, Made("fit=1x1")).memory_bytes, 0);
}

}  // namespace
}  // namespace stockroom
