// What the second decoder is for: HEIC and JPEG XL, with the system's libvips.
#include <gtest/gtest.h>

#include "services/common/media/sniff.h"
#include "services/imageproc/codec/vips_library.h"
#include "services/imageproc/decode_original.h"
#include "tests/unit/imageproc/pictures.h"

namespace stockroom::imageproc {
namespace {

using internal::DecodeReply;
using internal::DecodeRequest;
using testing::Encode;
using testing::Gradient;
using testing::Psnr;
using vips::VImage;

class WideTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(InitVips().ok()) << InitVips(); }

  // Empty where this system can not write the format: then there is nothing to read either.
  static std::string TryEncode(const VImage& picture, const std::string& suffix) {
    try {
      return Encode(picture, suffix);
    } catch (const vips::VError& error) {
      TakeVipsError();
      return "";
    }
  }

  static void Check(const std::string& file, const std::string& name) {
    DecodeRequest request;
    request.set_analyse(true);
    request.add_ladder(400);
    for (const char* recipe : {"fit=100x100/format=jpeg/q=95", "cover=50x50/mark=m/format=webp",
                               "fit=20x0/format=png", "fit=32x32/format=avif",
                               "fit=32x32/format=gif", "crop=0,0,400,300/sepia=1/format=jpeg"}) {
      request.add_presets()->set_recipe(recipe);
    }
    request.add_watermarks("m");
    const std::string mark = Encode(Gradient(10, 10), ".png");
    const std::string_view marks[] = {mark};
    const DecodeAnswer answer = DecodeOriginal(request, file, marks, Processors());
    ASSERT_EQ(answer.reply.result(), DecodeReply::OK) << answer.reply.message();
    EXPECT_EQ(answer.reply.image().facts().format(), name);
    EXPECT_EQ(answer.reply.image().facts().width(), 800);
    ASSERT_EQ(answer.reply.image().renditions_size(), 6);
    EXPECT_EQ(answer.reply.image().rungs_size(), 1);
    const auto size = static_cast<size_t>(answer.reply.image().renditions(0).size_bytes());
    EXPECT_GT(Psnr(testing::Decode(answer.renditions.substr(0, size)),
                   Gradient(800, 600).resize(0.125).cast(VIPS_FORMAT_UCHAR)),
              28);
    for (const double part : {0.3, 0.7, 0.95}) {
      const auto length = static_cast<size_t>(part * static_cast<double>(file.size()));
      EXPECT_EQ(DecodeOriginal(request, file.substr(0, length), marks, Processors()).reply.result(),
                DecodeReply::BAD_IMAGE)
          << name << " cut at " << part;
    }
  }
};

TEST_F(WideTest, ReadsHeic) {
  const std::string file = TryEncode(Gradient(800, 600), ".heic[Q=90,compression=hevc]");
  if (file.empty()) GTEST_SKIP() << "this system's libheif has no HEVC encoder (x265)";
  EXPECT_EQ(SniffMedia(file), MediaKind::kHeic);
  Check(file, "heic");
}

TEST_F(WideTest, ReadsJpegXl) {
  const std::string file = TryEncode(Gradient(800, 600), ".jxl[Q=90]");
  if (file.empty()) GTEST_SKIP() << "this system's libvips does not write JPEG XL";
  EXPECT_EQ(SniffMedia(file), MediaKind::kJxl);
  Check(file, "jxl");
}

TEST_F(WideTest, LeavesEverydayFormatsToTheOther) {
  for (const char* suffix : {".jpg", ".png", ".webp", ".gif", ".tif", ".avif"}) {
    const std::string file = Encode(Gradient(40, 30), suffix);
    EXPECT_EQ(DecodeOriginal({}, file, {}, Processors()).reply.result(), DecodeReply::BAD_IMAGE)
        << suffix;
  }
}

TEST_F(WideTest, BlocksWhatItDoesNotServe) {
  EXPECT_TRUE(CheckVipsAllowList().ok());
  const internal::Engine engine = DescribeEngine("stockroom-decoder-wide");
  EXPECT_EQ(engine.reads(0), "heic");
  EXPECT_EQ(engine.writes_size(), 5);
}

}  // namespace
}  // namespace stockroom::imageproc
