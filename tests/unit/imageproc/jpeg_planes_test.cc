#include "services/imageproc/codec/jpeg_planes.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <random>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/imageproc/codec/jpeg_block.h"
#include "services/imageproc/codec/jpeg_rgb.h"
#include "services/imageproc/codec/plane_resize.h"
#include "tests/unit/imageproc/jpegs.h"

namespace stockroom::imageproc {
namespace {

using testing::JpegKind;
using testing::MakeJpeg;
using testing::RawPlane;
using testing::ReadRawPlanes;
using Colors = JpegKind::Colors;

ChromaLayout LayoutOf(const JpegKind& kind) {
  return kind.horizontal == 2 && kind.vertical == 2 ? ChromaLayout::kHalved : ChromaLayout::kFull;
}

int LargestDifference(const std::vector<uint8_t>& a, const std::vector<uint8_t>& b) {
  if (a.size() != b.size()) return 1000;
  int most = 0;
  for (size_t i = 0; i < a.size(); ++i) most = std::max(most, std::abs(a[i] - b[i]));
  return most;
}

std::vector<JpegKind> Kinds() {
  std::vector<JpegKind> kinds;
  for (const auto& [width, height] :
       {std::pair{1, 1}, {7, 5}, {8, 8}, {17, 33}, {64, 48}, {131, 67}}) {
    for (const bool noise : {false, true}) {
      const JpegKind kind{.width = width, .height = height, .noise = noise};
      for (const auto& [horizontal, vertical] : {std::pair{1, 1}, {2, 1}, {1, 2}, {2, 2}}) {
        kinds.push_back(kind);
        kinds.back().horizontal = horizontal;
        kinds.back().vertical = vertical;
      }
      kinds.push_back(kind);
      kinds.back().colors = Colors::kGrey;
      kinds.push_back(kind);
      kinds.back().restart_interval = 3;
      kinds.push_back(kind);
      kinds.back().quality = 100;
      kinds.back().optimize = true;
    }
  }
  return kinds;
}

std::string Name(const JpegKind& kind) {
  return ::testing::PrintToString(kind.width) + "x" + ::testing::PrintToString(kind.height) + " " +
         ::testing::PrintToString(kind.horizontal) + ::testing::PrintToString(kind.vertical) +
         (kind.noise ? " noise" : "") + (kind.colors == Colors::kGrey ? " grey" : "") +
         (kind.restart_interval > 0 ? " restarts" : "");
}

TEST(JpegPlanes, AtFullSizeAreWhatLibjpegDecodes) {
  for (const JpegKind& kind : Kinds()) {
    const std::string jpeg = MakeJpeg(kind);
    const auto picture = DecodePlanes(jpeg, {kind.width, kind.height}, LayoutOf(kind));
    ASSERT_TRUE(picture.ok()) << Name(kind) << ": " << picture.status();
    const std::vector<RawPlane> expected = ReadRawPlanes(jpeg);
    ASSERT_EQ(picture->planes.size(), expected.size());
    for (size_t i = 0; i < expected.size(); ++i) {
      // Of 4:2:2 chroma is resized to its luma.
      if (i > 0 && kind.horizontal != kind.vertical) continue;
      ASSERT_EQ(picture->planes[i].width, expected[i].width) << Name(kind);
      ASSERT_EQ(picture->planes[i].height, expected[i].height) << Name(kind);
      // Both round.
      EXPECT_LE(LargestDifference(picture->planes[i].samples, expected[i].samples), 1)
          << Name(kind) << " plane " << i;
    }
  }
}

TEST(JpegPlanes, AreMadeInEverySizeOfEveryKind) {
  for (const JpegKind& kind : Kinds()) {
    const std::string jpeg = MakeJpeg(kind);
    for (const int by : {1, 2, 3, 5, 9, 40}) {
      const Size target{std::max(1, kind.width / by), std::max(1, kind.height / by)};
      const auto small = ResizeJpeg(jpeg, target, {});
      ASSERT_TRUE(small.ok()) << Name(kind) << " by " << by << ": " << small.status();
      const auto facts = ReadJpegFacts(*small);
      ASSERT_TRUE(facts.ok());
      EXPECT_EQ(facts->size, target) << Name(kind);
      const std::vector<RawPlane> planes = ReadRawPlanes(*small);
      ASSERT_EQ(planes.size(), kind.colors == Colors::kGrey ? 1U : 3U);
    }
  }
}

// Cb of a smooth MakeJpeg at a place, in its pixels: red grows with x, green with y.
double BlueDifference(const JpegKind& kind, double x, double y) {
  const double red = (x - 0.5) * 255 / kind.width - 0.5;  // rounded down
  const double green = (y - 0.5) * 255 / kind.height - 0.5;
  return 128 - 0.1687 * red - 0.3313 * green + 0.5 * 128;
}

// The mean of what the result's Cb is off by.
double Drift(const JpegKind& kind, const PlanarPicture& small) {
  const int pitch = small.layout == ChromaLayout::kHalved ? 2 : 1;
  const Plane& plane = small.planes[1];
  double sum = 0;
  int count = 0;
  for (int y = 3; y < plane.height - 3; ++y) {
    for (int x = 3; x < plane.width - 3; ++x, ++count) {
      sum +=
          plane.row(y)[x] - BlueDifference(kind, (x + 0.5) * pitch * kind.width / small.size.width,
                                           (y + 0.5) * pitch * kind.height / small.size.height);
    }
  }
  return sum / count;
}

TEST(JpegPlanes, StayInPlaceWhateverTheSamplingAndScale) {
  for (const auto& [horizontal, vertical] : {std::pair{1, 1}, {2, 1}, {1, 2}, {2, 2}}) {
    const JpegKind kind{
        .width = 500, .height = 390, .horizontal = horizontal, .vertical = vertical, .quality = 98};
    const std::string jpeg = MakeJpeg(kind);
    for (const Size target :
         {Size{500, 390}, {333, 260}, {250, 195}, {131, 103}, {70, 55}, {50, 39}}) {
      for (const ChromaLayout layout : {ChromaLayout::kHalved, ChromaLayout::kFull}) {
        const auto small = DecodePlanes(jpeg, target, layout);
        ASSERT_TRUE(small.ok()) << small.status();
        // Encoders round. Moved by one pixel of the source it would be off by 0.3 more.
        EXPECT_NEAR(Drift(kind, *small), 0, 0.25)
            << horizontal << vertical << " " << target.width << " "
            << (layout == ChromaLayout::kHalved ? "halved" : "full");
      }
    }
  }
}

TEST(JpegPlanes, OfProgressiveFilesAreThoseOfBaselineOnes) {
  for (const auto& [horizontal, vertical] : {std::pair{1, 1}, {2, 1}, {2, 2}}) {
    JpegKind kind{.width = 203, .height = 117, .horizontal = horizontal, .vertical = vertical};
    const std::string baseline = MakeJpeg(kind);
    kind.progressive = true;
    const std::string progressive = MakeJpeg(kind);
    ASSERT_TRUE(ReadJpegFacts(progressive)->progressive);
    for (const Size target : {Size{203, 117}, {120, 69}, {90, 52}, {40, 23}, {20, 12}}) {
      const auto a = DecodePlanes(baseline, target, ChromaLayout::kHalved);
      const auto b = DecodePlanes(progressive, target, ChromaLayout::kHalved);
      ASSERT_TRUE(a.ok() && b.ok()) << a.status() << b.status();
      for (size_t i = 0; i < a->planes.size(); ++i) {
        EXPECT_LE(LargestDifference(a->planes[i].samples, b->planes[i].samples), 3)
            << target.width << " plane " << i;
      }
    }
  }
}

TEST(JpegPlanes, AreForPlainFilesAndSmallerResultsOnly) {
  const auto plain = [](const JpegKind& kind) { return ReadJpegFacts(MakeJpeg(kind))->plain; };
  EXPECT_TRUE(plain({}));
  EXPECT_TRUE(plain({.colors = Colors::kGrey}));
  EXPECT_TRUE(plain({.progressive = true}));
  EXPECT_FALSE(plain({.colors = Colors::kRgb}));
  EXPECT_FALSE(plain({.colors = Colors::kCmyk}));
  EXPECT_FALSE(plain({.horizontal = 4, .vertical = 1}));

  const JpegFacts facts{.size = {640, 480}, .progressive = false, .plain = true};
  EXPECT_TRUE(CanResizeInPlanes(facts, {640, 480}));
  EXPECT_TRUE(CanResizeInPlanes(facts, {1, 1}));
  EXPECT_FALSE(CanResizeInPlanes(facts, {641, 480}));
  EXPECT_FALSE(CanResizeInPlanes(facts, {0, 480}));
  // Rows that would all have to be kept.
  EXPECT_FALSE(CanResizeInPlanes(facts, {640, 1}));
  EXPECT_EQ(DecodePlanes(MakeJpeg({}), {65, 48}, ChromaLayout::kFull).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST(JpegPlanes, OfAFileCutShortAreAnErrorWhereverItEnds) {
  for (const bool progressive : {false, true}) {
    const std::string jpeg =
        MakeJpeg({.progressive = progressive, .restart_interval = 4, .noise = true});
    for (size_t size = 0; size < jpeg.size(); size += 7) {
      const auto small = ResizeJpeg(std::string_view(jpeg).substr(0, size), {20, 15}, {});
      EXPECT_EQ(small.status().code(), absl::StatusCode::kInvalidArgument) << size;
    }
  }
}

TEST(JpegPlanes, OfADamagedFileAreAnErrorOrAPicture) {
  for (const bool progressive : {false, true}) {
    const std::string jpeg =
        MakeJpeg({.progressive = progressive, .restart_interval = 7, .noise = true});
    for (size_t first = 0; first < 97; first += 12) {
      std::string damaged = jpeg;
      for (size_t at = first; at < damaged.size(); at += 97) {
        damaged[at] = static_cast<char>(damaged[at] ^ 0x5a);
      }
      const auto small = ResizeJpeg(damaged, {20, 15}, {});
      if (!small.ok()) continue;
      EXPECT_EQ(ReadJpegFacts(*small)->size, (Size{20, 15}));
    }
    for (size_t at = 0; at < jpeg.size(); at += 5) {
      std::string damaged = jpeg;
      damaged[at] = static_cast<char>(~damaged[at]);
      const auto small = ResizeJpeg(damaged, {20, 15}, {});
      if (!small.ok()) continue;
      EXPECT_EQ(ReadJpegFacts(*small)->size, (Size{20, 15}));
    }
  }
}

TEST(JpegPlanes, OfAFileWithAHoleAreAnError) {
  const std::string jpeg = MakeJpeg({.noise = true});
  for (const size_t hole : {40U, 200U, 1000U}) {
    std::string ends_early = jpeg;
    ends_early.erase(ends_early.size() - 2 - hole, hole);
    EXPECT_EQ(ResizeJpeg(ends_early, {20, 15}, {}).status().code(),
              absl::StatusCode::kInvalidArgument)
        << hole;
  }
}

TEST(JpegPlanes, OfAFileWithMoreThanItsPixelsAreAnError) {
  std::string jpeg = MakeJpeg({.noise = true});
  jpeg.insert(jpeg.size() - 2, std::string(3, '\0'));
  EXPECT_EQ(ResizeJpeg(jpeg, {20, 15}, {}).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(JpegPlanes, OfAFileWithALostRestartAreAnError) {
  std::string jpeg = MakeJpeg({.restart_interval = 4, .noise = true});
  const size_t second = jpeg.find("\xff\xd1");
  ASSERT_NE(second, std::string::npos);
  jpeg[second + 1] = '\xd4';
  EXPECT_EQ(ResizeJpeg(jpeg, {20, 15}, {}).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(JpegPlanes, OfAFileOfHundredsOfScansAreRefused) {
  const std::string jpeg = MakeJpeg({.progressive = true, .many_scans = true});
  EXPECT_FALSE(ResizeJpeg(jpeg, {20, 15}, {}).ok());
}

TEST(JpegPlanes, AreWrittenAsTheStyleSays) {
  const std::string jpeg = MakeJpeg({.width = 200, .height = 160, .noise = true});
  const auto rough = ResizeJpeg(jpeg, {100, 80}, {.quality = 50});
  const auto fine = ResizeJpeg(jpeg, {100, 80}, {.quality = 95});
  const auto packed = ResizeJpeg(jpeg, {100, 80}, {.quality = 50, .optimize = true});
  ASSERT_TRUE(rough.ok() && fine.ok() && packed.ok());
  EXPECT_LT(rough->size(), fine->size());
  EXPECT_LT(packed->size(), rough->size());
  EXPECT_EQ(ReadRawPlanes(*rough)[1].width, 50);
  EXPECT_EQ(ReadRawPlanes(*fine)[1].width, 100);
  EXPECT_EQ(ReadRawPlanes(*rough)[1].samples, ReadRawPlanes(*packed)[1].samples);
}

AxisMap Axis(int from, int to) {
  return {.from = from, .to = to, .step = double(from) / to, .origin = 0};
}

Plane Resized(const std::vector<uint8_t>& samples, const AxisMap& x, const AxisMap& y, bool plain) {
  PlaneResizer resizer(x, y, plain);
  for (int row = 0; row < y.from; ++row) resizer.Push(&samples[size_t(row) * size_t(x.from)]);
  EXPECT_TRUE(resizer.done());
  return resizer.Take();
}

TEST(PlaneResizer, MakesTheSameWithAndWithoutVectorInstructions) {
  std::mt19937 random(7);
  for (const auto& [from, to] :
       {std::pair{1, 1}, {3, 1}, {40, 40}, {41, 40}, {97, 33}, {100, 7}, {20, 50}}) {
    const AxisMap x = Axis(from, to);
    const AxisMap y = Axis(from + 3, std::max(1, to - 1));
    std::vector<uint8_t> samples(size_t(x.from) * size_t(y.from));
    for (uint8_t& sample : samples)
      sample = random() % 3 == 0 ? 255 : static_cast<uint8_t>(random());
    EXPECT_EQ(Resized(samples, x, y, true).samples, Resized(samples, x, y, false).samples)
        << from << " to " << to;
  }
}

TEST(PlaneResizer, LeavesFlatAreasFlat) {
  for (const int value : {0, 1, 127, 254, 255}) {
    const std::vector<uint8_t> samples(90 * 70, static_cast<uint8_t>(value));
    const Plane plane = Resized(samples, Axis(90, 31), Axis(70, 47), false);
    EXPECT_THAT(plane.samples, ::testing::Each(value));
  }
}

TEST(PlaneResizer, IgnoresRowsBehindTheLast) {
  const std::vector<uint8_t> samples(8 * 8, 9);
  PlaneResizer resizer(Axis(8, 4), Axis(8, 4));
  for (int row = 0; row < 20; ++row) resizer.Push(samples.data());
  EXPECT_TRUE(resizer.done());
}

TEST(BlockTransform, MakesTheSameWithAndWithoutVectorInstructions) {
  std::mt19937 random(3);
  for (const int size : {1, 2, 4, 8}) {
    for (int round = 0; round < 200; ++round) {
      Block block = {};
      BlockScale scale = {};
      // From smooth blocks to what no encoder makes.
      const int range = 1 << (1 + round % 16);
      for (int16_t& value : block.at) {
        value = static_cast<int16_t>(static_cast<int>(random() % uint32_t(2 * range)) - range);
      }
      for (int16_t& value : scale.at) value = static_cast<int16_t>(1 + random() % 255);
      uint8_t plain[64] = {};
      uint8_t fast[64] = {};
      TransformFor(size, true)(block, scale, plain, 8);
      TransformFor(size, false)(block, scale, fast, 8);
      EXPECT_THAT(fast, ::testing::ElementsAreArray(plain)) << size << " round " << round;
    }
  }
}

TEST(BlockTransform, OfASmallerSizeIsTheMeanOfTheLargerOne) {
  std::mt19937 random(5);
  for (int round = 0; round < 50; ++round) {
    Block block = {};
    BlockScale scale = {};
    for (int i = 0; i < 64; ++i) {
      block.at[i] = static_cast<int16_t>(static_cast<int>(random() % 17) - 8);
      scale.at[i] = 4;
    }
    uint8_t full[64];
    TransformFor(8, true)(block, scale, full, 8);
    for (const int size : {1, 2, 4}) {
      uint8_t small[64];
      TransformFor(size, true)(block, scale, small, 8);
      const int of = 8 / size;
      for (int y = 0; y < size; ++y) {
        for (int x = 0; x < size; ++x) {
          double sum = 0;
          for (int i = 0; i < of * of; ++i) sum += full[(y * of + i / of) * 8 + x * of + i % of];
          EXPECT_NEAR(small[y * 8 + x], sum / (of * of), 1.1) << size;
        }
      }
    }
  }
}

TEST(ToRgb, IsJfifsConversionWithAndWithoutVectorInstructions) {
  // Every value of every plane beside many of the others.
  PlanarPicture picture{.size = {256, 512}, .layout = ChromaLayout::kFull, .planes = {}};
  for (int band = 0; band < 3; ++band) {
    Plane& plane = picture.planes.emplace_back();
    plane.width = 256;
    plane.height = 512;
    for (int i = 0; i < 256 * 512; ++i) {
      plane.samples.push_back(static_cast<uint8_t>(band == 0 ? i : i * (band * 37) / 256));
    }
  }
  const std::vector<uint8_t> rgb = ToRgb(picture);
  EXPECT_EQ(rgb, ToRgb(picture, true));
  std::vector<uint8_t> expected;
  for (size_t i = 0; i < 256 * 512; ++i) {
    const double y = picture.planes[0].samples[i];
    const double cb = picture.planes[1].samples[i] - 128.0;
    const double cr = picture.planes[2].samples[i] - 128.0;
    for (const double value : {y + 1.402 * cr, y - 0.344136 * cb - 0.714136 * cr, y + 1.772 * cb}) {
      expected.push_back(static_cast<uint8_t>(std::lround(std::clamp(value, 0.0, 255.0))));
    }
  }
  EXPECT_LE(LargestDifference(rgb, expected), 1);
}

}  // namespace
}  // namespace stockroom::imageproc
