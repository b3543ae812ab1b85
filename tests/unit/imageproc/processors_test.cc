#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "absl/strings/escaping.h"
#include "services/common/base/strings.h"
#include "services/imageproc/processors/builtin.h"
#include "tests/unit/imageproc/pictures.h"

namespace stockroom::imageproc {
namespace {

using nlohmann::json;
using testing::ReferencePixels;

// Made with the published JavaScript (npm thumbhash 0.1.1) from the same pixels.
TEST(ThumbHash, AgreesWithThePublishedImplementation) {
  const auto hash = [](int w, int h, bool alpha) {
    return absl::Base64Escape(ThumbHash(ReferencePixels(w, h, alpha)));
  };
  EXPECT_EQ(hash(100, 75, false), "3wcKNZqAh3dwd3d4eHh3eHCAB/h3");
  EXPECT_EQ(hash(40, 60, false), "3wcKNRpwd4B3d3d4eHd3eIBwCPh4");
  EXPECT_EQ(hash(64, 64, true), "owiGHQwnoIawiHp3iKCwCvlocIdweId3hw==");
  EXPECT_EQ(hash(100, 20, true), "oziGIY43soeweIijsCj6dYCHhod4eIg=");
  EXPECT_EQ(hash(3, 100, false), "HwgOSSSAcnd3dod2gIMI2Hg=");
}

TEST(ThumbHash, TellsAverageColourAndAspect) {
  const SourceFacts facts;
  const Pixels pixels = ReferencePixels(100, 75, false);
  const auto result = MakeThumbHash({facts, pixels, pixels});
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->at("average_rgba"), json({126, 122, 128, 255}));
  EXPECT_DOUBLE_EQ(result->at("aspect").get<double>(), 1.4);
  const Pixels transparent = ReferencePixels(64, 64, true);
  EXPECT_EQ(MakeThumbHash({facts, transparent, transparent})->at("average_rgba"),
            json({150, 146, 128, 119}));
}

// Made with the published TypeScript (npm blurhash 2.0.5), whose maximum leaves out negative
// factors, corrected to what Algorithm.md and the C version say.
TEST(BlurHash, AgreesWithThePublishedImplementation) {
  EXPECT_EQ(BlurHash(ReferencePixels(100, 75, false), 4, 3), "L%HV9x2Y$6Sghpayjsf6gdfPfRfP");
  EXPECT_EQ(BlurHash(ReferencePixels(100, 75, false), 3, 4), "T%HV9x2Y$6hpayjsgdfPfRi~a{js");
  EXPECT_EQ(BlurHash(ReferencePixels(40, 60, false), 3, 4), "T$HeqO2s$5hpayjqgbfifPi}a{jq");
}

TEST(BlurHash, FollowsTheOrientation) {
  const SourceFacts facts;
  const Pixels wide = ReferencePixels(60, 40, false);
  const Pixels tall = ReferencePixels(40, 60, false);
  EXPECT_EQ(MakeBlurHash({facts, wide, wide})->at("components"), json({4, 3}));
  EXPECT_EQ(MakeBlurHash({facts, tall, tall})->at("components"), json({3, 4}));
}

Pixels Stripes(const std::vector<std::pair<std::array<uint8_t, 4>, int>>& stripes) {
  Pixels pixels{.width = 10, .height = 0, .rgba = {}};
  for (const auto& [color, rows] : stripes) {
    for (int i = 0; i < rows * 10; ++i) {
      pixels.rgba.insert(pixels.rgba.end(), color.begin(), color.end());
    }
    pixels.height += rows;
  }
  return pixels;
}

TEST(Palette, FindsTheColoursAndTheirWeights) {
  const SourceFacts facts;
  const Pixels pixels =
      Stripes({{{255, 0, 0, 255}, 6}, {{0, 0, 255, 255}, 3}, {{255, 255, 255, 255}, 1}});
  const auto result = FindPalette({facts, pixels, pixels});
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->at("colors"), json({{{"hex", "#ff0000"}, {"weight", 0.6}},
                                        {{"hex", "#0000ff"}, {"weight", 0.3}},
                                        {{"hex", "#ffffff"}, {"weight", 0.1}}}));
}

TEST(Palette, LeavesOutWhatCannotBeSeen) {
  const SourceFacts facts;
  const Pixels half = Stripes({{{255, 0, 0, 0}, 5}, {{0, 128, 0, 255}, 5}});
  EXPECT_EQ(FindPalette({facts, half, half})->at("colors"),
            json({{{"hex", "#008000"}, {"weight", 1.0}}}));
  const Pixels none = Stripes({{{255, 0, 0, 0}, 5}});
  EXPECT_EQ(FindPalette({facts, none, none})->at("colors"), json::array());
}

TEST(Facts, ReadsCameraExposureAndPlace) {
  SourceFacts facts{.width = 30, .height = 20, .format = "jpeg", .media_type = "image/jpeg"};
  facts.exif = {{"Make", "Apple"},
                {"Model", "iPhone"},
                {"ExposureTime", "1/30"},
                {"FNumber", "22/10"},
                {"ISOSpeedRatings", "32"},
                {"FocalLength", "0/0"},
                {"GPSLatitude", "51/1 30/1 0/1"},
                {"GPSLatitudeRef", "S"},
                {"GPSLongitude", "3/1 15/1 36/1"},
                {"GPSLongitudeRef", "W"}};
  const Pixels pixels = ReferencePixels(4, 4, false);
  const auto result = DescribeFacts({facts, pixels, pixels});
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->at("camera"), json({{"make", "Apple"}, {"model", "iPhone"}}));
  EXPECT_DOUBLE_EQ(result->at("exposure").at("f_number").get<double>(), 2.2);
  EXPECT_EQ(result->at("exposure").count("focal_length_mm"), 0U) << "0/0 is no focal length";
  EXPECT_DOUBLE_EQ(result->at("gps").at("latitude").get<double>(), -51.5);
  EXPECT_DOUBLE_EQ(result->at("gps").at("longitude").get<double>(), -3.26);
  EXPECT_EQ(result->count("icc_profile"), 0U);
}

TEST(Facts, LeavesOutAPlaceThatIsNoneOnEarth) {
  SourceFacts facts;
  facts.exif = {{"GPSLatitude", "151/1 30/1 0/1"},
                {"GPSLatitudeRef", "N"},
                {"GPSLongitude", "3/1 15/1"},
                {"GPSLongitudeRef", "E"}};
  const Pixels pixels = ReferencePixels(4, 4, false);
  EXPECT_EQ(DescribeFacts({facts, pixels, pixels})->count("gps"), 0U);
}

TEST(Processors, AFailureStaysWithTheProcessorThatFailed) {
  constexpr Processor kProcessors[] = {
      {"good",
       [](const AnalysisInput&) -> absl::StatusOr<json> {
         return json{{"a", 1}};
       }},
      {"failing",
       [](const AnalysisInput&) -> absl::StatusOr<json> { return absl::InternalError("why"); }},
      {"throwing",
       [](const AnalysisInput&) -> absl::StatusOr<json> { throw std::runtime_error("thrown"); }},
      {"not-an-object", [](const AnalysisInput&) -> absl::StatusOr<json> { return json(3); }},
      {"not-utf8",
       [](const AnalysisInput&) -> absl::StatusOr<json> {
         return json{{"t", "\xff"}};
       }},
  };
  const SourceFacts facts;
  const Pixels pixels = ReferencePixels(4, 4, false);
  const auto results = RunProcessors(kProcessors, {facts, pixels, pixels});
  EXPECT_EQ(results.at("good"), R"({"a":1})");
  EXPECT_EQ(results.at("failing"), R"({"error":"why"})");
  EXPECT_EQ(results.at("throwing"), R"({"error":"thrown"})");
  EXPECT_EQ(results.at("not-an-object"), R"({"error":"no JSON object"})");
  EXPECT_TRUE(IsCleanUtf8(results.at("not-utf8")));
}

TEST(Processors, AreNamedAsTheApiPromises) {
  std::vector<std::string> names;
  for (const Processor& processor : Processors()) names.emplace_back(processor.name);
  EXPECT_THAT(names, ::testing::ElementsAre("facts", "thumbhash", "blurhash", "palette", "pdq",
                                            "sharpness", "smart_crop"));
}

}  // namespace
}  // namespace stockroom::imageproc
