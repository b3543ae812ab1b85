#include "services/api/domain/picture_plan.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "services/common/base/status.h"

namespace stockroom::api {
namespace {

std::string Reason(const absl::Status& status) { return DetailsOf(status).reason; }

TEST(PictureUrl, SaysWhatIsWanted) {
  EXPECT_EQ(ParsePictureUrl("original")->kind, PictureUrl::Kind::kOriginal);
  EXPECT_EQ(ParsePictureUrl("original.jpg")->kind, PictureUrl::Kind::kOriginal);
  EXPECT_EQ(ParsePictureUrl("info")->kind, PictureUrl::Kind::kInfo);
  const auto preset = ParsePictureUrl("thumb-320.webp");
  EXPECT_EQ(preset->kind, PictureUrl::Kind::kPreset);
  EXPECT_EQ(preset->preset, "thumb-320");
  EXPECT_EQ(preset->format, ImageFormat::kWebp);
  EXPECT_EQ(preset->revision, 0);
  const auto recipe = ParsePictureUrl("12/fit=720x0/dpr=1.5.jpeg");
  EXPECT_EQ(recipe->kind, PictureUrl::Kind::kRecipe);
  EXPECT_EQ(recipe->revision, 12);
  EXPECT_EQ(recipe->steps, "fit=720x0/dpr=1.5");
  EXPECT_EQ(recipe->format, ImageFormat::kJpeg);
  EXPECT_EQ(ParsePictureUrl("thumb.auto")->format, ImageFormat::kAuto);
}

TEST(PictureUrl, IsNotGuessed) {
  for (const char* path :
       {"", "thumb", "thumb.", ".jpg", "thumb.tiff", "thumb.JPG", "a/b.jpg", "0/thumb.jpg",
        "01/thumb.jpg", "-1/thumb.jpg", "9999999999999999999/thumb.jpg", "1/2/thumb.jpg", "1/",
        "fit=720x0/dpr=1.5", "original/x", "original.", "info.json", "Thumb.jpg", "1/original"}) {
    EXPECT_EQ(Reason(ParsePictureUrl(path).status()), "NO_SUCH_FILE") << path;
  }
}

class PicturePlanTest : public ::testing::Test {
 protected:
  PicturePlanTest() {
    image_.id = "id";
    image_.state = ImageState::kReady;
    image_.sha256 = Digest::Of("original");
    image_.facts = {.width = 4000, .height = 3000, .format = "jpeg", .frames = 1};
    rules_.presets["thumb"] = *ParseRecipe("fit=320x320");
    rules_.presets["share"] = *ParseRecipe("cover=1200x630/format=jpeg/gravity=smart");
  }
  absl::StatusOr<PicturePlan> Plan(const std::string& path, const Preferences& preferences = {}) {
    return PlanPicture(image_, *ParsePictureUrl(path), preferences, rules_);
  }

  Image image_;
  PictureRules rules_;
};

TEST_F(PicturePlanTest, APresetComesInTheFormatThatItsExtensionSays) {
  EXPECT_EQ(CanonicalText(Plan("thumb.jpg")->recipe), "fit=320x320/format=jpeg/q=80");
  EXPECT_EQ(CanonicalText(Plan("thumb.webp")->recipe), "fit=320x320/format=webp/q=80");
  EXPECT_EQ(CanonicalText(Plan("thumb.png")->recipe), "fit=320x320/format=png");
  EXPECT_FALSE(Plan("thumb.webp")->negotiated);
  EXPECT_EQ(Plan("thumb.jpg")->address.key, RenditionKey(*ParseRecipe("fit=320x320/format=jpeg")));
  EXPECT_EQ(Plan("thumb.jpg")->address.original, image_.sha256);
  EXPECT_EQ(Reason(Plan("share.webp").status()), "OTHER_FORMAT");
  EXPECT_EQ(Reason(Plan("other.jpg").status()), "PRESET_NOT_FOUND");
}

TEST_F(PicturePlanTest, ARenditionOfAFormerPresetIsStillFound) {
  image_.renditions.push_back({.preset = "old", .recipe = "fit=10x10/format=jpeg/q=70"});
  EXPECT_EQ(CanonicalText(Plan("old.jpg")->recipe), "fit=10x10/format=jpeg/q=70");
  EXPECT_EQ(Reason(Plan("old.webp").status()), "OTHER_FORMAT");
}

TEST_F(PicturePlanTest, EqualRecipesHaveEqualAddresses) {
  EXPECT_EQ(Plan("q=70/fit=720x0.webp")->address.key, Plan("fit=720x0/q=70.webp")->address.key);
  EXPECT_EQ(Plan("fit=720x0/format=webp.webp")->address.key, Plan("fit=720x0.webp")->address.key);
  EXPECT_EQ(Reason(Plan("fit=720x0/format=png.webp").status()), "BAD_RECIPE");
  EXPECT_EQ(Reason(Plan("fit=720x0/q=70.png").status()), "BAD_RECIPE");
  EXPECT_EQ(Reason(Plan("fat=720x0.png").status()), "BAD_RECIPE");
}

TEST_F(PicturePlanTest, WhatIsNegotiatedDependsOnThePicture) {
  const Preferences webp{.webp = 1000};
  EXPECT_EQ(Plan("fit=720x0.auto")->recipe.format, ImageFormat::kJpeg);
  EXPECT_EQ(Plan("fit=720x0.auto", webp)->recipe.format, ImageFormat::kWebp);
  EXPECT_TRUE(Plan("thumb.auto")->negotiated);
  EXPECT_EQ(Plan("share.auto", webp)->recipe.format, ImageFormat::kJpeg) << "it says so itself";
  image_.analysis["facts"] = R"({"has_alpha":true})";
  EXPECT_EQ(Plan("thumb.auto")->recipe.format, ImageFormat::kPng);
  image_.facts.frames = 20;
  EXPECT_EQ(Plan("thumb.auto")->recipe.format, ImageFormat::kGif);
  EXPECT_EQ(Plan("fit=9x9/still=1.auto")->recipe.format, ImageFormat::kPng);
}

TEST_F(PicturePlanTest, SmartGravityIsWhatIngestFound) {
  EXPECT_EQ(Plan("share.jpg")->address.key, Plan("cover=1200x630.jpg")->address.key);
  image_.analysis["smart_crop"] = R"({"x":0.5,"y":0.25,"w":0.25,"h":0.5})";
  EXPECT_EQ(SmartFocusOf(image_), (Focus{625, 500}));
  EXPECT_EQ(Plan("share.jpg")->recipe.focus, (Focus{625, 500}));
  for (const char* nonsense : {"[]", "{}", R"({"x":"a","w":7,"h":1e300})", "{", "null"}) {
    image_.analysis["smart_crop"] = nonsense;
    EXPECT_LE(SmartFocusOf(image_).x, 1000) << nonsense;
    EXPECT_TRUE(Plan("share.jpg").ok()) << nonsense;
  }
}

TEST_F(PicturePlanTest, UrlsCanNotAskForMoreThanIsAllowed) {
  EXPECT_EQ(Reason(Plan("fit=720x0/q=96.jpg").status()), "BAD_RECIPE");
  EXPECT_EQ(Reason(Plan("force=16000x16000/enlarge=1.jpg").status()), "BAD_RECIPE");
  EXPECT_EQ(Reason(Plan("crop=0,0,1,4000/cover=9000x9/enlarge=1.jpg").status()), "BAD_RECIPE");
  EXPECT_TRUE(Plan("fit=16000x16000.jpg").ok()) << "it is not enlarged";
  image_.facts.frames = 100;
  EXPECT_EQ(Reason(Plan("fit=2000x2000.webp").status()), "BAD_RECIPE");
  EXPECT_TRUE(Plan("fit=2000x2000/still=1.webp").ok());
  rules_.presets["huge"] = *ParseRecipe("fit=4000x4000/q=100");
  EXPECT_TRUE(Plan("huge.webp").ok()) << "the operator may";
}

TEST_F(PicturePlanTest, AChangedWatermarkGivesAnotherRendition) {
  EXPECT_EQ(Reason(Plan("fit=720x0/mark=logo.jpg").status()), "BAD_RECIPE");
  rules_.watermarks["logo"] = *NamedWatermark("logo", "old file");
  const auto before = Plan("fit=720x0/mark=logo.jpg");
  ASSERT_TRUE(before.ok()) << before.status();
  EXPECT_EQ(before->recipe.mark->name, "logo-" + Digest::Of("old file").hex().substr(0, 8));
  rules_.watermarks["logo"] = *NamedWatermark("logo", "new file");
  EXPECT_NE(Plan("fit=720x0/mark=logo.jpg")->address.key, before->address.key);
  EXPECT_FALSE(NamedWatermark("", "x").ok());
  EXPECT_FALSE(NamedWatermark("Logo", "x").ok());
  EXPECT_FALSE(NamedWatermark(std::string(24, 'a'), "x").ok());
}

TEST_F(PicturePlanTest, SaysWhyThereIsNothingYet) {
  EXPECT_TRUE(CheckProcessed(image_).ok());
  image_.state = ImageState::kProcessing;
  EXPECT_TRUE(CheckProcessed(image_).ok()) << "processed before";
  image_.facts = {};
  EXPECT_EQ(Reason(CheckProcessed(image_)), "IMAGE_NOT_READY");
  image_.state = ImageState::kFailed;
  EXPECT_EQ(Reason(CheckProcessed(image_)), "IMAGE_FAILED");
}

TEST_F(PicturePlanTest, InfoIsJsonWhateverWasStored) {
  image_.analysis["pdq"] = R"({"hash":"00ff","quality":100})";
  image_.analysis["broken"] = "{";
  image_.analysis["nested"] = "{\"a\":" + std::string(20000, '[') + std::string(20000, ']') + "}";
  image_.renditions.push_back({.preset = "thumb", .recipe = "r", .format = "jpeg", .width = 320});
  const auto info = nlohmann::json::parse(DescribePictures(image_, rules_));
  EXPECT_EQ(info["width"], 4000);
  EXPECT_EQ(info["analysis"]["pdq"]["hash"], "00ff");
  EXPECT_FALSE(info["analysis"].contains("broken"));
  EXPECT_EQ(info["renditions"][0]["url"], "/i/id/thumb.jpg");
  EXPECT_EQ(info["presets"]["share"]["url"], "/i/id/share.jpg");
  EXPECT_EQ(info["presets"]["thumb"]["url"], "/i/id/thumb.auto");
}

}  // namespace
}  // namespace stockroom::api
