#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "services/common/recipe/recipe.h"
#include "services/imageproc/codec/exif.h"
#include "services/imageproc/codec/icc.h"
#include "services/imageproc/codec/render.h"
#include "services/imageproc/codec/source_image.h"
#include "services/imageproc/codec/vips_library.h"
#include "tests/unit/imageproc/pictures.h"

namespace stockroom::imageproc {
namespace {

using testing::Decode;
using testing::Encode;
using testing::Gradient;
using testing::GradientWithAlpha;
using ::testing::HasSubstr;
using testing::Psnr;
using vips::VImage;

class Codec : public ::testing::Test {
 protected:
  void SetUp() override {
    const absl::Status status = InitVips();
    ASSERT_TRUE(status.ok()) << status;
    TakeVipsError();
  }

  static absl::StatusOr<SourceImage> Open(const std::string& bytes, SourceLimits limits = {}) {
    return SourceImage::Open(bytes, limits);
  }
  static absl::StatusOr<std::string> Render(const std::string& bytes, const std::string& recipe) {
    auto source = Open(bytes);
    if (!source.ok()) return source.status();
    auto rendered = RenderRecipe({.file = *source, .original = source->size(), .marks = {}},
                                 ParseRecipe(recipe).value());
    if (!rendered.ok()) return rendered.status();
    return rendered->bytes;
  }
  // The whole picture at `size`, through PNG so that nothing is lost.
  static absl::StatusOr<VImage> DecodeTo(const std::string& bytes, Size size) {
    auto png = Render(bytes, absl::StrCat("force=", size.width, "x", size.height, "/format=png"));
    if (!png.ok()) return png.status();
    return Decode(*png);
  }
};

TEST_F(Codec, RefusesToStartWhenTheAllowListDidNotTake) {
  ASSERT_TRUE(CheckVipsAllowList().ok());
  vips_operation_block_set("VipsForeignLoadSvgBuffer", FALSE);
  EXPECT_THAT(CheckVipsAllowList().message(), HasSubstr("Svg"));
  ApplyVipsAllowList();
  vips_operation_block_set("VipsForeignLoadPngBuffer", TRUE);
  EXPECT_THAT(CheckVipsAllowList().message(), HasSubstr("Png"));
  ApplyVipsAllowList();
  EXPECT_TRUE(CheckVipsAllowList().ok());
}

TEST_F(Codec, KnowsFormatsByTheirContent) {
  const VImage picture = Gradient(40, 30);
  const std::pair<const char*, const char*> formats[] = {{".jpg", "jpeg"},  {".png", "png"},
                                                         {".webp", "webp"}, {".gif", "gif"},
                                                         {".tif", "tiff"},  {".avif", "avif"}};
  for (const auto& [suffix, name] : formats) {
    const std::string bytes = Encode(picture, suffix);
    const auto source = Open(bytes);
    ASSERT_TRUE(source.ok()) << suffix << source.status();
    EXPECT_EQ(source->facts().format, name);
    EXPECT_EQ(source->facts().media_type, std::string("image/") + name);
    EXPECT_EQ(source->size(), (Size{40, 30})) << suffix;
    EXPECT_EQ(source->facts().frames, 1);
    const auto decoded = DecodeTo(bytes, {40, 30});
    ASSERT_TRUE(decoded.ok()) << suffix << decoded.status();
    EXPECT_GT(Psnr(*decoded, picture), 25) << suffix;
  }
}

TEST_F(Codec, TellsHeicFromAvif) {
  std::string avif = Encode(Gradient(64, 64), ".avif");
  EXPECT_EQ(SniffMedia(avif), MediaKind::kAvif);
  avif.replace(8, 4, "heic");
  EXPECT_EQ(SniffMedia(avif), MediaKind::kHeic);
}

TEST_F(Codec, TurnsEveryOrientationUpright) {
  const VImage upright = Gradient(60, 40);
  // How a camera stores it: the inverse of what the tag asks for.
  const auto stored = [&upright](int orientation) {
    switch (orientation) {
      case 2:
        return upright.flip(VIPS_DIRECTION_HORIZONTAL);
      case 3:
        return upright.rot180();
      case 4:
        return upright.flip(VIPS_DIRECTION_VERTICAL);
      case 5:
        return upright.flip(VIPS_DIRECTION_HORIZONTAL).rot270();
      case 6:
        return upright.rot270();
      case 7:
        return upright.flip(VIPS_DIRECTION_HORIZONTAL).rot90();
      case 8:
        return upright.rot90();
      default:
        return upright;
    }
  };
  for (int orientation = 1; orientation <= 8; ++orientation) {
    VImage tagged = stored(orientation).copy_memory().copy();
    tagged.set(VIPS_META_ORIENTATION, orientation);
    const std::string bytes = Encode(tagged, ".jpg[Q=95]");
    const auto source = Open(bytes);
    ASSERT_TRUE(source.ok()) << source.status();
    EXPECT_EQ(source->facts().orientation, orientation);
    EXPECT_EQ(source->size(), (Size{60, 40})) << orientation;
    for (const Size size : {Size{60, 40}, Size{30, 20}, Size{12, 8}}) {
      const auto decoded = DecodeTo(bytes, size);
      ASSERT_TRUE(decoded.ok()) << decoded.status();
      const VImage expected =
          upright.resize(static_cast<double>(size.width) / 60).cast(VIPS_FORMAT_UCHAR);
      EXPECT_GT(Psnr(*decoded, expected), 28) << orientation << " at " << size.width;
    }
  }
}

TEST_F(Codec, BringsOtherColourSpacesToSrgb) {
  // Built-in profiles of libvips; the muted picture lies inside every gamut.
  const VImage picture =
      (Gradient(64, 64) * 0.4 + 70)
          .cast(VIPS_FORMAT_UCHAR)
          .copy(VImage::option()->set("interpretation", VIPS_INTERPRETATION_sRGB));
  const VImage p3 = picture.icc_transform("p3", VImage::option()->set("input_profile", "srgb"));
  const VImage cmyk = picture.icc_transform("cmyk", VImage::option()->set("input_profile", "srgb"));
  ASSERT_EQ(cmyk.bands(), 4);
  const std::string wide_bytes = Encode(p3, ".png");
  EXPECT_LT(Psnr(Decode(wide_bytes), picture), 38) << "the raw values must differ for this to test";
  for (const std::string& bytes : {wide_bytes, Encode(cmyk, ".jpg[Q=98]"), Encode(cmyk, ".tif"),
                                   Encode(cmyk, ".jpg[Q=98,strip]")}) {
    const auto decoded = DecodeTo(bytes, {64, 64});
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_EQ(decoded->bands(), 3);
    EXPECT_GT(Psnr(*decoded, picture), 27);
  }
  const auto wide = DecodeTo(wide_bytes, {64, 64});
  EXPECT_GT(Psnr(*wide, picture), 42);
}

TEST_F(Codec, KeepsAlphaAndDoesNotLetHiddenColoursBleed) {
  // Left half invisible red, right half opaque blue.
  const VImage left = VImage::black(32, 64).new_from_image({255, 0, 0, 0});
  const VImage right = VImage::black(32, 64).new_from_image({0, 0, 255, 255});
  const VImage both = left.join(right, VIPS_DIRECTION_HORIZONTAL)
                          .cast(VIPS_FORMAT_UCHAR)
                          .copy(VImage::option()->set("interpretation", VIPS_INTERPRETATION_sRGB));
  for (const char* suffix : {".png", ".webp[lossless]", ".tif"}) {
    const auto decoded = DecodeTo(Encode(both, suffix), {16, 16});
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    ASSERT_EQ(decoded->bands(), 4) << suffix;
    for (int x = 0; x < 16; ++x) {
      const std::vector<double> pixel = decoded->getpoint(x, 8);
      if (pixel[3] > 40) {
        EXPECT_LT(pixel[0], 30) << suffix << " red bleeds at " << x;
      }
    }
  }
}

TEST_F(Codec, DropsAnAlphaThatHidesNothing) {
  const std::string bytes = Encode(Gradient(20, 20).bandjoin_const({255}), ".png");
  const auto source = Open(bytes);
  ASSERT_TRUE(source.ok());
  EXPECT_TRUE(source->facts().has_alpha);
  EXPECT_FALSE(source->Decode({10, 10})->has_alpha());
  EXPECT_EQ(DecodeTo(bytes, {10, 10})->bands(), 3);
}

TEST_F(Codec, PutsTransparentPartsOnWhiteWhereTheFormatHasNoAlpha) {
  const VImage invisible =
      VImage::black(16, 16)
          .new_from_image({10, 20, 30, 0})
          .cast(VIPS_FORMAT_UCHAR)
          .copy(VImage::option()->set("interpretation", VIPS_INTERPRETATION_sRGB));
  const std::string bytes = Encode(invisible, ".png");
  const auto jpeg = Render(bytes, "format=jpeg/q=90");
  ASSERT_TRUE(jpeg.ok());
  EXPECT_GT(Decode(*jpeg).min(), 250);
}

TEST_F(Codec, BringsSixteenBitsToEight) {
  const VImage picture = Gradient(50, 50);
  const VImage deep = (picture.cast(VIPS_FORMAT_USHORT) * 257)
                          .cast(VIPS_FORMAT_USHORT)
                          .copy(VImage::option()->set("interpretation", VIPS_INTERPRETATION_RGB16));
  for (const char* suffix : {".png", ".tif"}) {
    const std::string bytes = Encode(deep, suffix);
    EXPECT_EQ(Open(bytes)->facts().bit_depth, 16);
    const auto decoded = DecodeTo(bytes, {50, 50});
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_EQ(decoded->format(), VIPS_FORMAT_UCHAR);
    EXPECT_GT(Psnr(*decoded, picture), 40) << suffix;
  }
}

TEST_F(Codec, KeepsGreyGrey) {
  const VImage grey = Gradient(40, 40).colourspace(VIPS_INTERPRETATION_B_W);
  const VImage deep = Gradient(40, 40).colourspace(VIPS_INTERPRETATION_GREY16);
  for (const std::string& bytes :
       {Encode(grey, ".png"), Encode(deep, ".png"), Encode(grey, ".jpg[Q=95]")}) {
    const auto source = Open(bytes);
    EXPECT_EQ(source->facts().color_space, "grey");
    const auto decoded = DecodeTo(bytes, {40, 40});
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_EQ(decoded->bands(), 1);
    EXPECT_GT(Psnr(*decoded, grey), 35);
    const auto pixels = source->Decode({20, 20})->ToPixels();
    ASSERT_TRUE(pixels.ok()) << pixels.status();
    EXPECT_EQ(pixels->rgba.size(), 20U * 20 * 4);
    EXPECT_EQ(pixels->at(5, 5)[0], pixels->at(5, 5)[2]);
  }
}

TEST_F(Codec, TakesTheFirstFrameOfAnAnimationAndCountsAll) {
  const VImage first = Gradient(30, 20);
  VImage frames = first.join(first.invert(), VIPS_DIRECTION_VERTICAL)
                      .join(first.rot180(), VIPS_DIRECTION_VERTICAL)
                      .copy();
  frames.set("page-height", 20);
  for (const char* suffix : {".gif", ".webp[lossless]"}) {
    const std::string bytes = Encode(frames, suffix);
    const auto source = Open(bytes);
    ASSERT_TRUE(source.ok()) << source.status();
    EXPECT_EQ(source->facts().frames, 3) << suffix;
    EXPECT_EQ(source->size(), (Size{30, 20}));
    const auto decoded = DecodeTo(bytes, {30, 20});
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_GT(Psnr(*decoded, first), 24) << suffix;
    // Frames count: 3 x 600 pixels.
    EXPECT_TRUE(absl::IsOutOfRange(Open(bytes, {.max_pixels = 1799}).status())) << suffix;
    EXPECT_TRUE(Open(bytes, {.max_pixels = 1800}).ok()) << suffix;
  }
}

TEST_F(Codec, RefusesATruncatedFileInsteadOfShowingHalfOfIt) {
  const VImage picture = Gradient(300, 300);
  for (const char* suffix :
       {".jpg", ".jpg[interlace]", ".png", ".png[interlace]", ".webp", ".webp[lossless]", ".gif",
        ".tif[compression=deflate]", ".tif", ".avif"}) {
    const std::string whole = Encode(picture, suffix);
    ASSERT_TRUE(DecodeTo(whole, {100, 100}).ok()) << suffix;
    for (const double part : {0.3, 0.6, 0.9}) {
      const std::string cut =
          whole.substr(0, static_cast<size_t>(part * static_cast<double>(whole.size())));
      for (const Size size : {Size{300, 300}, Size{100, 100}, Size{20, 20}}) {
        const auto decoded = DecodeTo(cut, size);
        EXPECT_TRUE(absl::IsInvalidArgument(decoded.status()))
            << suffix << " cut at " << part << ": " << decoded.status();
      }
    }
  }
}

TEST_F(Codec, RefusesADamagedFileInsteadOfShowingRubbish) {
  const VImage noise = VImage::gaussnoise(300, 300).cast(VIPS_FORMAT_UCHAR);
  for (const char* suffix : {".jpg", ".jpg[interlace]", ".png", ".avif"}) {
    std::string file = Encode(noise, suffix);
    file.erase(file.size() / 2, file.size() / 4);
    for (const Size size : {Size{300, 300}, Size{20, 20}}) {
      EXPECT_TRUE(absl::IsInvalidArgument(DecodeTo(file, size).status())) << suffix;
    }
    const auto source = Open(file);
    if (!source.ok()) continue;
    EXPECT_TRUE(absl::IsInvalidArgument(source->Decode({300, 300}).status())) << suffix;
  }
}

TEST_F(Codec, FindsDamageInTheLastRowsToo) {
  std::string file = Encode(VImage::gaussnoise(300, 300).cast(VIPS_FORMAT_UCHAR), ".jpg");
  file.erase(file.size() - 80, 78);
  const auto decoded = DecodeTo(file, {300, 300});
  EXPECT_TRUE(absl::IsInvalidArgument(decoded.status())) << decoded.status();
}

TEST_F(Codec, TakesAJpegThatIsMerelyOdd) {
  std::string file = Encode(Gradient(64, 64), ".jpg[Q=95,strip]");
  file.insert(file.size() - 2, std::string(20, '\0'));  // padding before the end
  const auto decoded = DecodeTo(file, {64, 64});
  ASSERT_TRUE(decoded.ok()) << decoded.status();
}

TEST_F(Codec, RefusesAJpegOfTooManyPasses) {
  const std::string file = Encode(Gradient(64, 64), ".jpg[interlace,strip]");
  EXPECT_TRUE(Open(file)->facts().progressive);
  std::string bomb = file.substr(0, file.size() - 2);
  const size_t scan = bomb.rfind("\xff\xda");
  for (int i = 0; i < 200; ++i) bomb += bomb.substr(scan, 60);
  const auto refused = Open(bomb + "\xff\xd9");
  EXPECT_TRUE(absl::IsOutOfRange(refused.status())) << refused.status();
  EXPECT_THAT(refused.status().message(), HasSubstr("passes"));
}

TEST_F(Codec, CountsPagesOfADocumentAsOnePicture) {
  VImage pages = Gradient(30, 20).join(Gradient(30, 20).invert(), VIPS_DIRECTION_VERTICAL).copy();
  pages.set("page-height", 20);
  const std::string file = Encode(pages, ".tif");
  EXPECT_EQ(Open(file, {.max_pixels = 600})->facts().frames, 1);
  EXPECT_GT(Psnr(*DecodeTo(file, {30, 20}), Gradient(30, 20)), 90);
}

TEST_F(Codec, RefusesWhatIsNotAnImage) {
  const std::string svg =
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"10\" height=\"10\"><rect/></svg>";
  const std::string noise(4096, '\xa7');
  for (const std::string& bytes :
       {std::string(), std::string("hello"), svg, "GIF89a" + svg, "\xff\xd8\xff" + svg,
        "\x89PNG\r\n\x1a\n" + svg, "RIFF\x10\x10\x10\x10WEBP" + noise, std::string("%PDF-1.4\n"),
        std::string("P6 10 10 255\n") + std::string(300, 'x'), std::string("II\x2a\0", 4) + noise,
        std::string("1,2,3\n4,5,6\n")}) {
    const auto decoded = DecodeTo(bytes, {1, 1});
    EXPECT_TRUE(absl::IsInvalidArgument(decoded.status()))
        << bytes.substr(0, 20) << decoded.status();
    EXPECT_FALSE(decoded.status().message().empty());
  }
}

TEST_F(Codec, RefusesAPixelFloodFromItsHeader) {
  for (const std::string& bytes :
       {testing::PngHeader(65'500, 65'500), testing::JpegHeader(65'500, 65'500)}) {
    const size_t before = vips_tracked_get_mem_highwater();
    const auto source = Open(bytes);
    ASSERT_TRUE(absl::IsOutOfRange(source.status())) << source.status();
    EXPECT_THAT(source.status().message(), HasSubstr("65500 x 65500"));
    EXPECT_LT(vips_tracked_get_mem_highwater() - before, size_t{16} << 20);
  }
  EXPECT_THAT(Open(testing::PngHeader(70'000, 1)).status().message(), HasSubstr("a side"));
}

TEST_F(Codec, RefusesOversizedMetadata) {
  const VImage p3 =
      Gradient(20, 20).icc_transform("p3", VImage::option()->set("input_profile", "srgb"));
  const std::string bytes = Encode(p3, ".tif");
  EXPECT_TRUE(Open(bytes).ok());
  const auto source = Open(bytes, {.max_icc_bytes = 100});
  ASSERT_TRUE(absl::IsOutOfRange(source.status())) << source.status();
  EXPECT_THAT(source.status().message(), HasSubstr("colour profile"));
}

TEST_F(Codec, IgnoresABrokenColourProfile) {
  VImage picture = Gradient(20, 20).copy();
  const std::string profile(200, 'p');
  picture.set(VIPS_META_ICC_NAME, nullptr, const_cast<char*>(profile.data()), profile.size());
  const auto decoded = DecodeTo(Encode(picture, ".tif"), {20, 20});
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_GT(Psnr(*decoded, Gradient(20, 20)), 35);
}

TEST_F(Codec, StripsMetadataFromRenditions) {
  VImage picture = Gradient(64, 64).copy();
  picture.set("exif-ifd0-Make", "Spy (Spy, ASCII, 4 components, 4 bytes)");
  const std::string bytes = Encode(picture, ".jpg");
  EXPECT_EQ(Open(bytes)->facts().exif.at("Make"), "Spy");
  for (const char* format : {"jpeg", "png", "webp", "avif", "gif"}) {
    const auto rendition = Render(bytes, absl::StrCat("fit=32x32/format=", format));
    ASSERT_TRUE(rendition.ok()) << rendition.status();
    EXPECT_EQ(rendition->find("Spy"), std::string::npos) << format;
  }
}

TEST_F(Codec, LeavesNothingInTheErrorBuffer) {
  EXPECT_FALSE(Open("\xff\xd8\xff not a picture").ok());
  EXPECT_STREQ(vips_error_buffer(), "");
}

TEST(Exif, FindsTheValueInWhatLibvipsShows) {
  EXPECT_EQ(ExifValue("NIKON (NIKON, ASCII, 6 components, 6 bytes)"), "NIKON");
  EXPECT_EQ(ExifValue("10/100 (1/10 sec., Rational, 1 components, 8 bytes)"), "10/100");
  EXPECT_EQ(ExifValue("a (b), c (a (b), c, ASCII, 8 components, 8 bytes)"), "a (b), c");
  EXPECT_EQ(ExifValue("51/1 28/1 0/1 (51, 28,  0, Rational, 3 components, 24 bytes)"),
            "51/1 28/1 0/1");
  EXPECT_EQ(ExifValue("odd"), "odd");
  EXPECT_EQ(ExifValue(""), "");
}

TEST(Exif, CleansTexts) {
  EXPECT_EQ(CleanText("  a\tb\x01 "), "a b");
  EXPECT_EQ(CleanText("caf\xc3\xa9"), "caf\xc3\xa9");
  EXPECT_EQ(CleanText("caf\xe9"), "caf?");
  EXPECT_EQ(CleanText(std::string(1000, 'x')).size(), kMaxMetadataText);
  EXPECT_EQ(CleanText(std::string("ab\0cd", 5)), "ab");
}

TEST(Exif, ReadsTimesAndRefusesNonsense) {
  EXPECT_EQ(ParseExifTime("2011:04:25 01:55:30"),
            absl::FromCivil(absl::CivilSecond(2011, 4, 25, 1, 55, 30), absl::UTCTimeZone()));
  EXPECT_EQ(ParseExifTime("0000:00:00 00:00:00"), std::nullopt);
  EXPECT_EQ(ParseExifTime("    :  :     :  :  "), std::nullopt);
  EXPECT_EQ(ParseExifTime("1000:01:01 00:00:00"), std::nullopt);
}

TEST(Exif, SurvivesLyingColourProfiles) {
  EXPECT_EQ(IccDescription(""), "");
  std::string profile(132, '\0');
  profile[131] = '\xff';
  profile[128] = '\xff';
  EXPECT_EQ(IccDescription(profile), "");
  profile += std::string("desc\xff\xff\xff\xff\xff\xff\xff\xff", 12);
  EXPECT_EQ(IccDescription(profile), "");
}

}  // namespace
}  // namespace stockroom::imageproc
