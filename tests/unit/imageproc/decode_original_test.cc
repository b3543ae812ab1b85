// One source through everything a decoder does with it.
#include "services/imageproc/decode_original.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/common/recipe/recipe.h"
#include "services/imageproc/codec/source_image.h"
#include "services/imageproc/codec/vips_library.h"
#include "tests/unit/imageproc/pictures.h"

namespace stockroom::imageproc {
namespace {

using internal::DecodeReply;
using internal::DecodeRequest;
using testing::Decode;
using testing::Encode;
using testing::Gradient;
using ::testing::HasSubstr;
using testing::Psnr;
using vips::VImage;

class DecodeOriginalTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(InitVips().ok()); }

  static DecodeRequest Ingest(const std::vector<std::string>& recipes) {
    DecodeRequest request;
    request.set_analyse(true);
    for (const std::string& recipe : recipes) {
      auto& preset = *request.add_presets();
      preset.set_preset("p");
      preset.set_recipe(recipe);
    }
    return request;
  }
  // The pictures of an answer, renditions before rungs.
  static std::vector<std::string> Files(const DecodeAnswer& answer) {
    std::vector<std::string> files;
    size_t at = 0;
    for (const auto* list : {&answer.reply.image().renditions(), &answer.reply.image().rungs()}) {
      for (const internal::RenditionMade& made : *list) {
        files.push_back(answer.renditions.substr(at, static_cast<size_t>(made.size_bytes())));
        at += static_cast<size_t>(made.size_bytes());
      }
    }
    EXPECT_EQ(at, answer.renditions.size());
    return files;
  }
};

absl::StatusOr<nlohmann::json> RightEdge(const AnalysisInput& input) {
  EXPECT_LE(std::max(input.large.width, input.large.height), kLargeAnalysisSide);
  EXPECT_LE(std::max(input.small.width, input.small.height), kAnalysisSide);
  return nlohmann::json{{"x", 0.9}, {"y", 0.0}, {"w", 0.1}, {"h", 1.0}};
}

TEST_F(DecodeOriginalTest, OneDecodeFeedsRungsPresetsAndProcessors) {
  const std::string original = Encode(Gradient(800, 400), ".jpg[Q=95]");
  DecodeRequest request = Ingest({"fit=100x100/format=jpeg", "cover=64x64/format=webp"});
  request.add_ladder(400);
  request.add_ladder(500);
  const DecodeAnswer answer = DecodeOriginal(request, original, {}, Processors());
  ASSERT_EQ(answer.reply.result(), DecodeReply::OK) << answer.reply.message();
  const internal::ProcessedImage& image = answer.reply.image();
  EXPECT_EQ(image.facts().width(), 800);
  ASSERT_EQ(image.renditions_size(), 2);
  EXPECT_EQ(image.renditions(0).width(), 100);
  EXPECT_EQ(image.renditions(1).recipe(), "cover=64x64/format=webp/q=80");
  ASSERT_EQ(image.rungs_size(), 1) << "500 is more than half of it";
  EXPECT_EQ(image.rungs(0).width(), 400);
  EXPECT_EQ(image.rungs(0).preset(), "");
  EXPECT_EQ(image.analysis_size(), static_cast<int>(Processors().size()));
  const std::vector<std::string> files = Files(answer);
  const VImage picture = Gradient(800, 400);
  EXPECT_GT(Psnr(Decode(files[0]), picture.resize(0.125).cast(VIPS_FORMAT_UCHAR)), 30);
  EXPECT_GT(Psnr(Decode(files[2]), picture.resize(0.5).cast(VIPS_FORMAT_UCHAR)), 35);
}

TEST_F(DecodeOriginalTest, SmartCropUsesTheBoxOfThisVeryRun) {
  constexpr Processor kProcessors[] = {{"smart_crop", RightEdge}};
  const DecodeAnswer answer = DecodeOriginal(Ingest({"cover=40x40/gravity=smart/format=png"}),
                                             Encode(Gradient(400, 100), ".png"), {}, kProcessors);
  ASSERT_EQ(answer.reply.result(), DecodeReply::OK) << answer.reply.message();
  EXPECT_EQ(answer.reply.image().renditions(0).recipe(), "cover=40x40/focus=950,500/format=png");
  EXPECT_GT(Decode(Files(answer)[0]).getpoint(0, 20)[0], 180) << "red grows to the right";
}

TEST_F(DecodeOriginalTest, ASmartCropThatIsNonsenseIsTheMiddle) {
  constexpr Processor kProcessors[] = {
      {"smart_crop", [](const AnalysisInput&) -> absl::StatusOr<nlohmann::json> {
         return nlohmann::json{{"x", 1e300}, {"y", "no"}, {"w", -5}};
       }}};
  const DecodeAnswer answer = DecodeOriginal(Ingest({"cover=40x40/gravity=smart/format=png"}),
                                             Encode(Gradient(400, 100), ".png"), {}, kProcessors);
  ASSERT_EQ(answer.reply.result(), DecodeReply::OK) << answer.reply.message();
  EXPECT_GT(Decode(Files(answer)[0]).getpoint(20, 20)[0], 110);
  EXPECT_LT(Decode(Files(answer)[0]).getpoint(20, 20)[0], 145);
}

TEST_F(DecodeOriginalTest, AutoIsWebpWithAlphaAndJpegWithout) {
  const auto format = [](const VImage& picture) {
    const DecodeAnswer answer =
        DecodeOriginal(Ingest({"fit=20x20"}), Encode(picture, ".png"), {}, Processors());
    return answer.reply.image().renditions(0).format();
  };
  EXPECT_EQ(format(Gradient(40, 40)), "jpeg");
  EXPECT_EQ(format(testing::GradientWithAlpha(40, 40)), "webp");
  EXPECT_EQ(format(Gradient(40, 40).bandjoin_const({255})), "jpeg");
}

TEST_F(DecodeOriginalTest, RendersOfARungWhatTheOriginalWouldGive) {
  const std::string rung = Encode(Gradient(400, 300), ".jpg[Q=95]");
  DecodeRequest request;
  auto& preset = *request.add_presets();
  preset.set_recipe("crop=200,0,800,600/fit=100x100/format=webp/q=90");
  request.set_original_width(1000);
  request.set_original_height(750);
  const DecodeAnswer answer = DecodeOriginal(request, rung, {}, Processors());
  ASSERT_EQ(answer.reply.result(), DecodeReply::OK) << answer.reply.message();
  ASSERT_EQ(answer.reply.image().renditions_size(), 1);
  EXPECT_EQ(answer.reply.image().rungs_size(), 0);
  EXPECT_EQ(answer.reply.image().analysis_size(), 0);
  const VImage expected = Gradient(1000, 750).extract_area(200, 0, 800, 600).resize(0.125);
  EXPECT_GT(Psnr(Decode(Files(answer)[0]), expected.cast(VIPS_FORMAT_UCHAR)), 30);
}

TEST_F(DecodeOriginalTest, LaysWatermarksInTheOrderOfTheirNames) {
  DecodeRequest request = Ingest({"mark=b,center,100,100/format=png"});
  request.add_watermarks("a");
  request.add_watermarks("b");
  const std::string red =
      Encode(Gradient(8, 8) * 0 + std::vector<double>{250, 0, 0}, ".png[bitdepth=8]");
  const std::string blue =
      Encode(Gradient(8, 8) * 0 + std::vector<double>{0, 0, 250}, ".png[bitdepth=8]");
  const std::string original = Encode(Gradient(40, 40), ".png");
  const std::vector<std::string_view> pictures = {red, blue};
  const DecodeAnswer answer = DecodeOriginal(request, original, pictures, Processors());
  ASSERT_EQ(answer.reply.result(), DecodeReply::OK) << answer.reply.message();
  EXPECT_GT(Decode(Files(answer)[0]).getpoint(20, 20)[2], 240);
  EXPECT_EQ(DecodeOriginal(request, original, {}, Processors()).reply.result(),
            DecodeReply::INTERNAL);
}

TEST_F(DecodeOriginalTest, SaysWhoseFaultItIs) {
  const DecodeRequest request = Ingest({"fit=10x10"});
  const auto result = [&](const std::string& bytes) {
    return DecodeOriginal(request, bytes, {}, Processors()).reply.result();
  };
  EXPECT_EQ(result("no picture"), DecodeReply::BAD_IMAGE);
  EXPECT_EQ(result(Encode(Gradient(300, 300), ".png").substr(0, 2000)), DecodeReply::BAD_IMAGE);
  EXPECT_EQ(result(testing::PngHeader(65'000, 65'000)), DecodeReply::TOO_LARGE);
  EXPECT_EQ(DecodeOriginal(Ingest({"nonsense"}), Encode(Gradient(9, 9), ".png"), {}, Processors())
                .reply.result(),
            DecodeReply::INTERNAL);
}

TEST_F(DecodeOriginalTest, SvgIsDrawnOnlyWhereItIsAllowed) {
  const std::string svg =
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"200\" height=\"100\">"
      "<rect width=\"200\" height=\"100\" fill=\"#ff0000\"/></svg>";
  DecodeRequest request = Ingest({"fit=20x20/format=png"});
  EXPECT_EQ(DecodeOriginal(request, svg, {}, Processors()).reply.result(), DecodeReply::BAD_IMAGE);
  request.set_allow_svg(true);
  const DecodeAnswer answer = DecodeOriginal(request, svg, {}, Processors());
  ASSERT_EQ(answer.reply.result(), DecodeReply::OK) << answer.reply.message();
  EXPECT_EQ(answer.reply.image().facts().format(), "svg");
  const VImage drawn = Decode(Files(answer)[0]);
  EXPECT_EQ(drawn.width(), 20);
  EXPECT_GT(drawn.getpoint(10, 5)[0], 250);
  for (const std::string& outside :
       {std::string("<image href=\"http://example.com/a.png\" width=\"9\" height=\"9\"/>"),
        std::string("<image href=\"file:///etc/passwd\" width=\"9\" height=\"9\"/>"),
        std::string("<style>@import 'a.css';</style>")}) {
    std::string bad = svg;
    bad.insert(bad.find("</svg>"), outside);
    const DecodeAnswer refused = DecodeOriginal(request, bad, {}, Processors());
    EXPECT_EQ(refused.reply.result(), DecodeReply::BAD_IMAGE) << outside;
    EXPECT_THAT(refused.reply.message(), HasSubstr("SVG has")) << outside;
  }
  ApplyVipsAllowList();
}

TEST_F(DecodeOriginalTest, DescribesItself) {
  const internal::Engine engine = DescribeEngine("stockroom-decoder");
  EXPECT_EQ(engine.program(), "stockroom-decoder");
  EXPECT_EQ(engine.libvips().front(), '8');
  EXPECT_THAT(engine.reads(),
              ::testing::IsSupersetOf({"jpeg", "png", "webp", "gif", "tiff", "avif"}));
  EXPECT_THAT(engine.writes(), ::testing::IsSupersetOf({"jpeg", "png", "webp"}));
}

}  // namespace
}  // namespace stockroom::imageproc
