// Every format through the real decoders behind their walls: what a codec does that the walls
// forbid shows here.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/time/clock.h"
#include "services/common/base/metrics.h"
#include "services/imageproc/codec/vips_library.h"
#include "services/imageproc/sandbox/decoder_pool.h"
#include "tests/unit/imageproc/pictures.h"

namespace stockroom::imageproc {
namespace {

using testing::Encode;
using testing::Gradient;
using testing::GradientWithAlpha;
using vips::VImage;

class FormatsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(InitVips().ok());
    auto pool = DecoderPool::Start({.programs =
                                        {
                                            {STOCKROOM_DECODER_PATH, "stockroom-decoder"},
#ifdef STOCKROOM_WIDE_DECODER_PATH
                                            {STOCKROOM_WIDE_DECODER_PATH, "stockroom-decoder-wide"},
#endif
                                        },
                                    .concurrent = 1},
                                   metrics_);
    ASSERT_TRUE(pool.ok()) << pool.status();
    pool_ = *std::move(pool);
    for (const char* recipe :
         {"fit=100x100/format=jpeg", "fit=64x64/format=png/palette=1", "fit=64x64/format=webp",
          "fit=64x64/format=avif", "fit=64x64/format=gif", "cover=30x30/blur=2/sepia=1/format=png",
          "format=jpeg"}) {
      request_.add_presets()->set_recipe(recipe);
    }
    request_.set_analyse(true);
    request_.set_allow_svg(true);
  }

  void Check(const std::string& file, const std::string& what) {
    const CallContext context = CallContext::WithTimeout(absl::Seconds(60));
    const auto decoded = pool_->Decode(context, request_, {.source = file});
    ASSERT_TRUE(decoded.ok()) << what << ": " << decoded.status();
    EXPECT_EQ(decoded->image.facts().format(), what);
    EXPECT_EQ(decoded->renditions.size(), 7U) << what;
  }

  Metrics metrics_;
  std::unique_ptr<DecoderPool> pool_;
  internal::DecodeRequest request_;
};

TEST_F(FormatsTest, EverydayOnesPassTheWalls) {
  VImage frames = Gradient(60, 40).join(Gradient(60, 40).invert(), VIPS_DIRECTION_VERTICAL).copy();
  frames.set("page-height", 40);
  Check(Encode(Gradient(800, 600), ".jpg"), "jpeg");
  Check(Encode(Gradient(800, 600), ".jpg[interlace]"), "jpeg");
  Check(Encode(GradientWithAlpha(300, 200), ".png"), "png");
  Check(Encode(frames, ".webp"), "webp");
  Check(Encode(frames, ".gif"), "gif");
  Check(Encode(Gradient(300, 200), ".tif[compression=lzw]"), "tiff");
  Check(Encode(Gradient(800, 600), ".avif"), "avif");
  Check(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"200\" height=\"100\">"
      "<text x=\"10\" y=\"50\">letters without a font</text></svg>",
      "svg");
}

#ifdef STOCKROOM_WIDE_DECODER_PATH
TEST_F(FormatsTest, AndSoDoRareOnes) {
  std::string folder = (std::filesystem::temp_directory_path() / "formats-XXXXXX").string();
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  const std::string command = std::string(WIDE_PICTURES_PATH) + " " + folder;
  ASSERT_EQ(std::system(command.c_str()), 0);
  int found = 0;
  for (const char* format : {"heic", "jxl"}) {
    std::ifstream file(folder + "/picture." + format, std::ios::binary);
    if (!file) continue;
    ++found;
    std::stringstream bytes;
    bytes << file.rdbuf();
    Check(bytes.str(), format);
  }
  std::filesystem::remove_all(folder);
  if (found == 0) GTEST_SKIP() << "this system writes neither HEIC nor JPEG XL";
}
#endif

}  // namespace
}  // namespace stockroom::imageproc
