// Recipes on small pictures, looked at with libvips.
#include "services/imageproc/codec/render.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
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

VImage Plain(int width, int height, std::vector<double> colour) {
  return VImage::black(width, height)
      .new_from_image(colour)
      .cast(VIPS_FORMAT_UCHAR)
      .copy(VImage::option()->set("interpretation", VIPS_INTERPRETATION_sRGB))
      .copy_memory();
}

class Render : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(InitVips().ok()); }

  // `original`: 0 x 0 for the file's own size.
  static absl::StatusOr<std::string> Bytes(const std::string& file, const std::string& recipe,
                                           Size original = {}, std::vector<Mark> marks = {}) {
    auto source = SourceImage::Open(file, {});
    if (!source.ok()) return source.status();
    if (original.width == 0) original = source->size();
    auto parsed = ParseRecipe(recipe);
    if (!parsed.ok()) return parsed.status();
    auto rendered = RenderRecipe({.file = *source, .original = original, .marks = marks}, *parsed);
    if (!rendered.ok()) return rendered.status();
    const auto result = SourceImage::Open(rendered->bytes, {});
    if (!result.ok()) return result.status();
    EXPECT_EQ(result->size(), rendered->size) << recipe;
    EXPECT_EQ(result->facts().format, FormatName(parsed->format)) << recipe;
    return rendered->bytes;
  }
  static absl::StatusOr<VImage> Picture(const std::string& file, const std::string& recipe,
                                        Size original = {}, std::vector<Mark> marks = {}) {
    auto bytes = Bytes(file, recipe, original, std::move(marks));
    if (!bytes.ok()) return bytes.status();
    return Decode(*bytes);
  }
  // Of a small PNG.
  static VImage Of(const VImage& picture, const std::string& recipe, std::vector<Mark> marks = {}) {
    auto result = Picture(Encode(picture, ".png"), recipe + "/format=png", {}, std::move(marks));
    EXPECT_TRUE(result.ok()) << recipe << ": " << result.status();
    return result.ok() ? *result : VImage::black(1, 1);
  }
  static std::vector<int> At(const VImage& picture, int x, int y) {
    std::vector<int> values;
    for (const double value : picture.getpoint(x, y)) values.push_back(static_cast<int>(value));
    return values;
  }
};

TEST_F(Render, CutsTurnsAndFlipsInTheOrderOfTheGrammar) {
  const VImage picture = Gradient(80, 60);
  const VImage part = picture.extract_area(10, 20, 40, 30);
  EXPECT_GT(Psnr(Of(picture, "crop=10,20,40,30"), part), 90);
  EXPECT_GT(Psnr(Of(picture, "crop=50,20,400,300"), picture.extract_area(50, 20, 30, 40)), 90);
  EXPECT_GT(Psnr(Of(picture, "crop=10,20,40,30/rotate=90"), part.rot90()), 90);
  EXPECT_GT(Psnr(Of(picture, "crop=10,20,40,30/rotate=270/flip=h"),
                 part.rot270().flip(VIPS_DIRECTION_HORIZONTAL)),
            90);
  EXPECT_GT(Psnr(Of(picture, "rotate=90/flip=v"), picture.rot90().flip(VIPS_DIRECTION_VERTICAL)),
            90);
  EXPECT_GT(Psnr(Of(picture, "flip=hv"), picture.rot180()), 90);
}

TEST_F(Render, TurnsWithWhatTheCameraSays) {
  // How it lies in the file for orientation 6; recipes are about the upright picture.
  const VImage upright = Gradient(80, 60);
  VImage lying = upright.rot270().copy_memory().copy();
  lying.set(VIPS_META_ORIENTATION, 6);
  const std::string file = Encode(lying, ".png");
  for (const char* recipe :
       {"crop=10,20,40,30", "rotate=90", "rotate=180/flip=h", "cover=20x20/gravity=w",
        "crop=5,5,60,40/rotate=270/cover=30x10/gravity=ne", "pad=100x100/bg=102030"}) {
    const auto turned = Picture(file, absl::StrCat(recipe, "/format=png"));
    ASSERT_TRUE(turned.ok()) << turned.status();
    EXPECT_GT(Psnr(*turned, Of(upright, recipe)), 35) << recipe;
  }
}

TEST_F(Render, FitsCoversPadsAndForces) {
  const VImage picture = Gradient(120, 60);
  const auto size = [](const VImage& image) { return Size{image.width(), image.height()}; };
  EXPECT_EQ(size(Of(picture, "fit=40x40")), (Size{40, 20}));
  EXPECT_EQ(size(Of(picture, "fit=400x400")), (Size{120, 60}));
  EXPECT_EQ(size(Of(picture, "fit=240x0/enlarge=1")), (Size{240, 120}));
  EXPECT_EQ(size(Of(picture, "force=30x50")), (Size{30, 50}));
  const VImage west = Of(picture, "cover=30x30/gravity=w");
  EXPECT_EQ(size(west), (Size{30, 30}));
  EXPECT_LT(At(west, 29, 15)[0], 135) << "red grows to the right; the left half is kept";
  EXPECT_GT(At(Of(picture, "cover=30x30/focus=1000,500"), 0, 15)[0], 120);

  const VImage padded = Of(picture, "pad=40x40/bg=ff0000");
  EXPECT_EQ(size(padded), (Size{40, 40}));
  EXPECT_EQ(At(padded, 20, 2), (std::vector<int>{255, 0, 0}));
  EXPECT_EQ(At(Of(picture, "pad=40x40"), 20, 2)[3], 0) << "transparent where the format can";
  EXPECT_EQ(At(Of(picture, "pad=40x40/gravity=n"), 20, 2)[3], 255);
  const auto jpeg = Picture(Encode(picture, ".png"), "pad=40x40/format=jpeg");
  EXPECT_GT(At(*jpeg, 20, 2)[1], 250) << "white where it can not";
}

TEST_F(Render, ABackgroundLiesBehindTheWholePicture) {
  const VImage clear = Plain(20, 20, {0, 0, 255, 0});
  EXPECT_EQ(At(Of(clear, "pad=40x20/bg=00ff00"), 20, 10), (std::vector<int>{0, 255, 0}));
  const auto jpeg = Picture(Encode(clear, ".png"), "bg=ff0000/format=jpeg/q=95");
  EXPECT_GT(At(*jpeg, 10, 10)[0], 245);
  const VImage grey = Plain(20, 20, {80, 80, 80}).colourspace(VIPS_INTERPRETATION_B_W);
  EXPECT_EQ(At(Of(grey, "pad=40x20/bg=00ff00"), 2, 10), (std::vector<int>{0, 255, 0}));
  EXPECT_EQ(At(Of(grey, "pad=40x20/bg=777777"), 2, 10), (std::vector<int>{0x77}));
}

TEST_F(Render, TrimsTheBorder) {
  const VImage inner = Gradient(50, 30);
  const VImage framed = inner.embed(13, 7, 90, 60,
                                    VImage::option()
                                        ->set("extend", VIPS_EXTEND_BACKGROUND)
                                        ->set("background", std::vector<double>{250, 0, 250}));
  EXPECT_GT(Psnr(Of(framed, "trim=20"), inner), 90);
  EXPECT_EQ(Of(framed, "trim=20/fit=25x0").width(), 25);
  EXPECT_GT(Psnr(Of(framed, "crop=5,0,80,60/trim=20/rotate=90"), inner.rot90()), 90);
  EXPECT_EQ(Of(Plain(9, 9, {1, 2, 3}), "trim=20").width(), 9) << "all border: nothing to trim";
  const VImage clear =
      inner.bandjoin_const({255}).embed(10, 10, 70, 50,
                                        VImage::option()
                                            ->set("extend", VIPS_EXTEND_BACKGROUND)
                                            ->set("background", std::vector<double>{9, 9, 9, 0}));
  EXPECT_EQ(Of(clear, "trim=20").width(), 50);
}

TEST_F(Render, FiltersChangeWhatTheySayAndNothingElse) {
  const VImage orange = Plain(40, 40, {200, 120, 40});
  const auto middle = [&](const std::string& recipe) { return At(Of(orange, recipe), 20, 20); };
  EXPECT_EQ(middle("brightness=20"), (std::vector<int>{251, 171, 91}));
  EXPECT_EQ(middle("contrast=-100"), (std::vector<int>{128, 128, 128}));
  EXPECT_EQ(middle("negate=1"), (std::vector<int>{55, 135, 215}));
  EXPECT_EQ(middle("gray=1").size(), 1U);
  const auto grey = middle("saturation=-100");
  EXPECT_NEAR(grey[0], grey[2], 1);
  EXPECT_GT(middle("gamma=2")[2], 90);
  const auto sepia = middle("sepia=1");
  EXPECT_TRUE(sepia[0] > sepia[1] && sepia[1] > sepia[2]);
  const auto blue = middle("tint=0000ff");
  EXPECT_GT(blue[2], blue[0]);
  EXPECT_EQ(middle("blur=3"), (std::vector<int>{200, 120, 40}));
  EXPECT_EQ(middle("sharpen=2"), (std::vector<int>{200, 120, 40}));

  const VImage picture = Gradient(60, 60);
  const VImage blocks = Of(picture, "pixelate=7");
  EXPECT_EQ(At(blocks, 0, 0), At(blocks, 6, 6));
  EXPECT_NE(At(blocks, 6, 0), At(blocks, 7, 0));
  EXPECT_LT(Of(picture, "blur=8").deviate(), picture.deviate());
  EXPECT_GT(Of(picture, "sharpen=3").deviate(), picture.deviate());
  for (const char* recipe : {"blur=2", "sharpen=2", "contrast=30", "sepia=1", "tint=ff0000",
                             "pixelate=5", "negate=1", "gray=1"}) {
    const VImage before = GradientWithAlpha(60, 20);
    const VImage after = Of(before, recipe);
    ASSERT_TRUE(after.has_alpha()) << recipe;
    EXPECT_NEAR(At(after, 30, 10).back(), At(before, 30, 10).back(), 10) << recipe;
  }
}

TEST_F(Render, LaysTheWatermarkWhereItBelongs) {
  const std::string red = Encode(Plain(50, 20, {255, 0, 0}), ".png");
  const VImage picture = Plain(200, 100, {0, 0, 255});
  const VImage marked = Of(picture, "mark=logo,se,20,100", {{"logo", red}});
  EXPECT_EQ(At(marked, 199, 99), (std::vector<int>{255, 0, 0}));
  EXPECT_EQ(At(marked, 161, 85), (std::vector<int>{255, 0, 0}));
  EXPECT_EQ(At(marked, 158, 99), (std::vector<int>{0, 0, 255}));
  EXPECT_EQ(At(marked, 199, 82), (std::vector<int>{0, 0, 255}));
  EXPECT_NEAR(At(Of(picture, "mark=logo,center,50,40", {{"logo", red}}), 100, 50)[0], 102, 2);
  const VImage grey = Gradient(200, 100).colourspace(VIPS_INTERPRETATION_B_W);
  EXPECT_EQ(At(Of(grey, "mark=logo,nw,20,100", {{"logo", red}}), 0, 0),
            (std::vector<int>{255, 0, 0}));
  // Never larger than the picture, and never left out in silence.
  EXPECT_EQ(Of(Plain(30, 4, {0, 0, 0}), "mark=logo,se,100,100", {{"logo", red}}).width(), 30);
  const std::string file = Encode(picture, ".png");
  EXPECT_THAT(Bytes(file, "mark=other/format=png").status().message(), HasSubstr("no watermark"));
  EXPECT_FALSE(Bytes(file, "mark=logo/format=png", {}, {{"logo", "<svg/>"}}).ok());
}

TEST_F(Render, WritesEveryFormat) {
  const std::string file = Encode(GradientWithAlpha(64, 48), ".png");
  for (const char* recipe : {"format=jpeg", "format=png", "format=png/palette=1", "format=webp",
                             "format=webp/lossless=1", "format=avif", "format=avif/lossless=1",
                             "format=gif", "format=webp/q=5", "format=avif/q=30"}) {
    const auto small = Picture(file, absl::StrCat("fit=32x32/", recipe));
    ASSERT_TRUE(small.ok()) << recipe << small.status();
    EXPECT_EQ(small->width(), 32) << recipe;
  }
  const auto exact = Picture(file, "format=webp/lossless=1");
  EXPECT_GT(Psnr(exact->extract_band(0), GradientWithAlpha(64, 48).extract_band(0)), 30);
}

TEST_F(Render, KeepsAnAnimationWhereTheFormatCan) {
  const VImage first = Gradient(60, 40);
  VImage frames = first.join(first.invert(), VIPS_DIRECTION_VERTICAL)
                      .join(first.rot180(), VIPS_DIRECTION_VERTICAL)
                      .copy();
  frames.set("page-height", 40);
  frames.set("delay", std::vector<int>{100, 200, 300});
  frames.set("loop", 3);
  for (const char* from : {".gif", ".webp[lossless]"}) {
    const std::string file = Encode(frames, from);
    for (const char* recipe :
         {"fit=30x20/format=webp/lossless=1", "fit=30x20/format=gif", "cover=20x20/format=webp",
          "rotate=90/fit=20x30/format=webp", "pad=50x50/bg=00ff00/format=gif"}) {
      const auto bytes = Bytes(file, recipe);
      ASSERT_TRUE(bytes.ok()) << from << recipe << bytes.status();
      EXPECT_EQ(SourceImage::Open(*bytes, {})->facts().frames, 3) << from << recipe;
    }
    const auto small = Bytes(file, "fit=30x20/format=webp/lossless=1");
    const VImage all = testing::DecodeFrames(*small);
    EXPECT_EQ(all.height(), 60);
    EXPECT_EQ(all.get_array_int("delay"), (std::vector<int>{100, 200, 300})) << from;
    EXPECT_EQ(all.get_int("loop"), 3) << from;
    const VImage second = all.extract_area(0, 20, 30, 20);
    EXPECT_GT(Psnr(second.extract_band(0, VImage::option()->set("n", 3)),
                   first.invert().resize(0.5).cast(VIPS_FORMAT_UCHAR)),
              24)
        << from;
    for (const char* still : {"fit=30x20/format=jpeg", "fit=30x20/format=webp/still=1"}) {
      EXPECT_EQ(SourceImage::Open(*Bytes(file, still), {})->facts().frames, 1) << still;
    }
  }
}

TEST_F(Render, NeverMakesAFileLargerThanAnEqualOriginal) {
  const VImage noise =
      VImage::gaussnoise(200, 150, VImage::option()->set("mean", 128.)->set("sigma", 40.))
          .cast(VIPS_FORMAT_UCHAR);
  const VImage picture =
      noise.bandjoin(noise.rot180())
          .bandjoin(noise.invert())
          .copy(VImage::option()->set("interpretation", VIPS_INTERPRETATION_sRGB));
  const std::pair<const char*, const char*> cases[] = {
      {".jpg[Q=55,strip]", "jpeg/q=95"},
      {".webp[Q=50,strip]", "webp/q=95"},
      {".avif[Q=40,strip]", "avif/q=90"},
      {".png[compression=9,palette,strip]", "png"},
  };
  for (const auto& [suffix, format] : cases) {
    const std::string file = Encode(picture, suffix);
    for (const std::string& recipe :
         {absl::StrCat("format=", format), absl::StrCat("fit=400x400/format=", format)}) {
      const auto same = Bytes(file, recipe);
      ASSERT_TRUE(same.ok()) << same.status();
      EXPECT_LE(same->size(), file.size()) << suffix << recipe;
      EXPECT_GT(Psnr(Decode(*same), Decode(file)), 18) << suffix;
    }
  }
  // What was asked to look different may need more.
  const std::string file = Encode(picture, ".jpg[Q=55,strip]");
  EXPECT_GT(Bytes(file, "contrast=60/format=jpeg/q=95")->size(), file.size());
}

TEST_F(Render, ShowsOnlyReencodedBytesOfAPolyglot) {
  std::string file = Encode(Gradient(60, 40), ".jpg[Q=40,strip]");
  file += "<script>alert(1)</script>PK\x03\x04";
  const auto bytes = Bytes(file, "format=jpeg/q=90");
  ASSERT_TRUE(bytes.ok()) << bytes.status();
  EXPECT_EQ(bytes->find("script"), std::string::npos);
}

TEST_F(Render, ARungStandsForItsOriginal) {
  const VImage picture = Gradient(400, 300);
  const std::string original = Encode(picture, ".png");
  const auto rung = Bytes(original, "fit=200x200/format=png");
  ASSERT_TRUE(rung.ok());
  for (const char* recipe :
       {"fit=80x80/format=png", "crop=100,60,200,150/fit=50x50/format=png",
        "cover=40x60/focus=800,500/format=png", "rotate=90/fit=50x0/format=png",
        "pad=90x90/bg=000000/format=png", "crop=101,61,33,35/rotate=90/force=11x12/format=png",
        "fit=333x333/format=png"}) {
    const auto from_rung = Picture(*rung, recipe, {400, 300});
    const auto from_original = Picture(original, recipe);
    ASSERT_TRUE(from_rung.ok()) << from_rung.status();
    EXPECT_EQ(from_rung->width(), from_original->width()) << recipe;
    EXPECT_EQ(from_rung->height(), from_original->height()) << recipe;
    EXPECT_GT(Psnr(*from_rung, *from_original), 30) << recipe;
  }
}

TEST_F(Render, KeepsCopyrightAloneWhenAsked) {
  VImage picture = Gradient(64, 48).copy();
  picture.set("exif-ifd0-Copyright", "Ann (Ann, ASCII, 4 components, 4 bytes)");
  picture.set("exif-ifd0-Artist", "Bob (Bob, ASCII, 4 components, 4 bytes)");
  picture.set("exif-ifd0-Make", "Spy (Spy, ASCII, 4 components, 4 bytes)");
  // JPEG is resized in its planes, which have no metadata; of others the loader brings all of it.
  for (const char* input : {".jpg", ".webp"}) {
    SCOPED_TRACE(input);
    const std::string file = Encode(picture, input);
    ASSERT_NE(file.find("Spy"), std::string::npos);
    for (const char* format : {"jpeg", "webp", "png", "avif"}) {
      const auto kept = Bytes(file, absl::StrCat("fit=32x32/keep=copyright/format=", format));
      ASSERT_TRUE(kept.ok()) << kept.status();
      const auto result = SourceImage::Open(*kept, {});
      EXPECT_EQ(result->copyright(), "Ann") << format;
      EXPECT_EQ(result->artist(), "Bob") << format;
      EXPECT_EQ(kept->find("Spy"), std::string::npos) << format;
      EXPECT_EQ(Bytes(file, absl::StrCat("fit=32x32/format=", format))->find("Ann"),
                std::string::npos);
    }
  }
}

TEST_F(Render, KeepsWideColoursOnlyWhenAskedAndOnlyIfThereAreAny) {
  const VImage picture = Gradient(64, 64);
  const VImage p3 = picture.icc_transform("p3", VImage::option()->set("input_profile", "srgb"));
  const std::string wide = Encode(p3, ".png");
  const auto kept = Picture(wide, "color=p3/format=png");
  ASSERT_TRUE(kept.ok()) << kept.status();
  EXPECT_NE(kept->get_typeof(VIPS_META_ICC_NAME), 0U);
  EXPECT_GT(Psnr(*kept, Decode(wide)), 45);
  EXPECT_EQ(Picture(wide, "format=png")->get_typeof(VIPS_META_ICC_NAME), 0U);
  const auto plain = Picture(Encode(picture, ".png"), "color=p3/format=png");
  EXPECT_EQ(plain->get_typeof(VIPS_META_ICC_NAME), 0U);
}

TEST_F(Render, RefusesACropOutsideOfThePicture) {
  const auto outside = Bytes(Encode(Gradient(20, 20), ".png"), "crop=30,0,5,5/format=png");
  EXPECT_TRUE(absl::IsInvalidArgument(outside.status())) << outside.status();
}

}  // namespace
}  // namespace stockroom::imageproc
