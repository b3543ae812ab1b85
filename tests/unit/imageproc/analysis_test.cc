// What processors find in edges: PDQ, sharpness, smart crop.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <random>
#include <string>

#include "services/imageproc/processors/builtin.h"
#include "services/imageproc/processors/luminance.h"
#include "services/imageproc/processors/pdq_hash.h"

namespace stockroom::imageproc {
namespace {

using nlohmann::json;
using Color = std::array<int, 4>;

Pixels Painted(int width, int height, const std::function<Color(int, int)>& color) {
  Pixels pixels{.width = width, .height = height, .rgba = {}};
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      for (const int channel : color(x, y)) pixels.rgba.push_back(static_cast<uint8_t>(channel));
    }
  }
  return pixels;
}

json ResultOf(absl::StatusOr<json> (*processor)(const AnalysisInput&), const Pixels& pixels) {
  const SourceFacts facts;
  const auto result = processor({facts, pixels, pixels});
  EXPECT_TRUE(result.ok()) << result.status();
  return result.value_or(json());
}

PdqWithQuality PdqOf(const Pixels& pixels) {
  return HashPdq(Luminance(pixels), pixels.width, pixels.height);
}

// Integers only: the same pixels everywhere.
Pixels Rings(int width, int height) {
  return Painted(width, height, [width](int x, int y) -> Color {
    return {(x * x + 3 * y * y) / 97 % 256, x * 255 / (width - 1), (x ^ y) * 7 % 256, 255};
  });
}

// Sixty discs of any brightness, one upon the other; the same picture at any size.
Pixels Discs(int width, int height) {
  std::mt19937 random(3);
  const auto fraction = [&random] { return static_cast<double>(random() % 1000) / 1000; };
  Pixels pixels = Painted(width, height, [](int, int) -> Color { return {128, 128, 128, 255}; });
  for (int i = 0; i < 60; ++i) {
    const double center_x = fraction();
    const double center_y = fraction();
    const double radius = 0.03 + 0.15 * fraction();
    const auto gray = static_cast<uint8_t>(random() % 220 + 10);
    const int last_y = std::min(height - 1, static_cast<int>((center_y + radius) * height));
    const int last_x = std::min(width - 1, static_cast<int>((center_x + radius) * width));
    for (int y = std::max(0, static_cast<int>((center_y - radius) * height)); y <= last_y; ++y) {
      for (int x = std::max(0, static_cast<int>((center_x - radius) * width)); x <= last_x; ++x) {
        const double dx = (x + 0.5) / width - center_x;
        const double dy = (y + 0.5) / height - center_y;
        if (dx * dx + dy * dy >= radius * radius) continue;
        std::fill_n(&pixels.rgba[(static_cast<size_t>(y) * width + x) * 4], 3, gray);
      }
    }
  }
  return pixels;
}

TEST(PdqHash, AgreesWithThePublishedProgram) {
  // Hashes that Meta's pdq_hasher.py makes of the same pixels.
  const PdqWithQuality rings = PdqOf(Rings(300, 200));
  EXPECT_EQ(rings.hash.hex(), "658feb3056c72d9c7a6056c7259f29384a60da63d4cfb59fa59ca938a930ab30");
  EXPECT_EQ(rings.quality, 100);
  const PdqWithQuality blocks = PdqOf(Painted(512, 384, [](int x, int y) -> Color {
    return {(x / 23 + y / 17) % 5 * 60, (x / 41 * 37 + y / 13 * 11) % 256, x * y / 311 % 256, 255};
  }));
  EXPECT_EQ(blocks.hash.hex(), "c9cc0e97d5c0f17f15ba339e61bfeb009677cc00ea66ccd1ea858cad6e18cc42");
  EXPECT_EQ(blocks.quality, 100);
  const PdqWithQuality diagonal = PdqOf(Painted(97, 131, [](int x, int y) -> Color {
    return {(x + 2 * y) / 3 % 256, ((3 * x - y) % 509 + 509) % 509 / 2, x / 9 * (y / 7) % 256, 255};
  }));
  EXPECT_EQ(diagonal.hash.hex(),
            "f3dbce6f39b8c6e721994c661118c44211908462e108fc02ff00ffc0fff0fffc");
  EXPECT_EQ(diagonal.quality, 62);
}

TEST(PdqHash, HalfOfTheBitsAreSet) {
  const Pdq hash = PdqOf(Rings(300, 200)).hash;
  EXPECT_EQ(HammingDistance(hash, Pdq()), 128);
}

TEST(PdqHash, HardlyChangesWithThePicture) {
  const Pdq hash = PdqOf(Discs(512, 384)).hash;
  const auto distance = [&hash](const Pixels& other) {
    return HammingDistance(hash, PdqOf(other).hash);
  };
  EXPECT_LE(distance(Discs(300, 225)), 16);
  EXPECT_LE(distance(Discs(384, 512)), 16);  // squeezed
  Pixels brighter = Discs(512, 384);
  for (uint8_t& byte : brighter.rgba) byte = static_cast<uint8_t>(std::min(255, byte + 20));
  EXPECT_LE(distance(brighter), 16);
  Pixels noisy = Discs(512, 384);
  for (size_t i = 0; i < noisy.rgba.size(); i += 4) {
    noisy.rgba[i] =
        static_cast<uint8_t>(std::clamp(noisy.rgba[i] + (i / 4 * 7 % 21 > 10 ? 8 : -8), 0, 255));
  }
  EXPECT_LE(distance(noisy), 16);
  EXPECT_GT(distance(Rings(512, 384)), 90);
}

TEST(PdqHash, OfATurnedPictureIsTheTurnedHash) {
  const int side = 200;
  const Pixels picture = Discs(side, side);
  const auto turned = [&](const std::function<std::pair<int, int>(int, int)>& from) {
    return PdqOf(Painted(side, side,
                         [&](int x, int y) -> Color {
                           const auto [fx, fy] = from(x, y);
                           const int gray = *picture.at(fx, fy);
                           return {gray, gray, gray, 255};
                         }))
        .hash;
  };
  const int last = side - 1;
  const Pdq hash = PdqOf(picture).hash;
  const auto expect = [&hash](PdqTurn turn, const Pdq& actual) {
    EXPECT_LE(HammingDistance(hash.Turned(turn), actual), 40) << static_cast<int>(turn);
  };
  expect(PdqTurn::kRotate90, turned([=](int x, int y) { return std::pair(y, last - x); }));
  expect(PdqTurn::kRotate180, turned([=](int x, int y) { return std::pair(last - x, last - y); }));
  expect(PdqTurn::kRotate270, turned([=](int x, int y) { return std::pair(last - y, x); }));
  expect(PdqTurn::kFlipHorizontal, turned([=](int x, int y) { return std::pair(last - x, y); }));
  expect(PdqTurn::kFlipVertical, turned([=](int x, int y) { return std::pair(x, last - y); }));
  expect(PdqTurn::kTranspose, turned([](int x, int y) { return std::pair(y, x); }));
  expect(PdqTurn::kAntiTranspose,
         turned([=](int x, int y) { return std::pair(last - y, last - x); }));
}

TEST(PdqHash, OfALargePictureIsThatOfASquare) {
  // What the published program does: the nearest pixel of 512 x 512.
  const int width = 1024;
  const int height = 768;
  const Pixels original = Discs(width, height);
  const Pixels square = Painted(512, 512, [&original](int x, int y) -> Color {
    const int gray = *original.at(x * width / 512, y * height / 512);
    return {gray, gray, gray, 255};
  });
  const Pixels large = Painted(512, 384, [&original](int x, int y) -> Color {
    int sum = 0;
    for (int i = 0; i < 4; ++i) sum += *original.at(2 * x + i % 2, 2 * y + i / 2);
    return {sum / 4, sum / 4, sum / 4, 255};
  });
  SourceFacts facts;
  facts.width = width;
  facts.height = height;
  const auto result = MakePdq({facts, large, large});
  ASSERT_TRUE(result.ok());
  const Pdq hash = *Pdq::FromHex(result->at("hash").get<std::string>());
  EXPECT_LE(HammingDistance(hash, PdqOf(square).hash), 6);
  // However narrow it is.
  facts.height = 1;
  const Pixels line = Painted(512, 1, [](int x, int) -> Color {
    const int gray = x / 16 % 2 * 255;
    return {gray, gray, gray, 255};
  });
  EXPECT_GT(MakePdq({facts, line, line})->at("quality"), 0);
}

TEST(PdqHash, TransparentPartsAreWhite) {
  const auto disc = [](int x, int y) { return (x - 50) * (x - 50) + (y - 40) * (y - 40) < 900; };
  const Pixels glass = Painted(100, 80, [&](int x, int y) -> Color {
    return disc(x, y) ? Color{90, 20, 30, 255} : Color{x % 256, y % 256, 17, 0};
  });
  const Pixels paper = Painted(100, 80, [&](int x, int y) -> Color {
    return disc(x, y) ? Color{90, 20, 30, 255} : Color{255, 255, 255, 255};
  });
  EXPECT_EQ(ResultOf(MakePdq, glass), ResultOf(MakePdq, paper));
}

TEST(PdqHash, OfNothingHasNoQuality) {
  const Pixels blank = Painted(512, 300, [](int, int) -> Color { return {9, 99, 200, 255}; });
  EXPECT_EQ(ResultOf(MakePdq, blank).at("quality"), 0);
  EXPECT_EQ(ResultOf(MakePdq, Rings(4, 400)),
            json({{"hash", std::string(64, '0')}, {"quality", 0}}));
  EXPECT_GT(ResultOf(MakePdq, Rings(5, 400)).at("quality"), 0);
}

// A chessboard whose fields fade into one another over `blur` pixels.
Pixels Chessboard(int blur) {
  return Painted(256, 256, [blur](int x, int y) -> Color {
    const auto wave = [blur](int at) {
      const double distance = at % 32 < 16 ? at % 16 - 8 : 8 - at % 16;
      return std::clamp(8 - std::abs(distance), 0.0, static_cast<double>(blur)) / blur *
             (at % 32 < 16 ? 1 : -1);
    };
    const int gray = static_cast<int>(127 + 120 * wave(x) * wave(y));
    return {gray, gray, gray, 255};
  });
}

TEST(Sharpness, FallsWithBlur) {
  const auto score = [](const Pixels& pixels) {
    return ResultOf(MeasureSharpness, pixels).at("score").get<double>();
  };
  const double sharp = score(Chessboard(1));
  const double soft = score(Chessboard(4));
  const double softer = score(Chessboard(8));
  EXPECT_GT(sharp, 75);
  EXPECT_LT(soft, sharp - 10);
  EXPECT_LT(softer, soft);
  EXPECT_EQ(ResultOf(MeasureSharpness, Chessboard(1)).at("method"), "laplacian-variance");
}

TEST(Sharpness, IsThatOfTheSharpestPart) {
  const Pixels board = Chessboard(1);
  const Pixels corner = Painted(256, 256, [&board](int x, int y) -> Color {
    if (x >= 128 || y >= 128) return {127, 127, 127, 255};
    const uint8_t* rgba = board.at(x, y);
    return {rgba[0], rgba[1], rgba[2], 255};
  });
  const double whole = ResultOf(MeasureSharpness, board).at("score");
  EXPECT_NEAR(ResultOf(MeasureSharpness, corner).at("score").get<double>(), whole, 3);
}

struct SmartRegion {
  double x, y, w, h, focus_x, focus_y;
};

SmartRegion SmartCropOf(const Pixels& pixels) {
  const json result = ResultOf(FindSmartCrop, pixels);
  const SmartRegion found = {result["x"], result["y"],          result["w"],
                             result["h"], result["focus"]["x"], result["focus"]["y"]};
  EXPECT_GE(found.x, 0);
  EXPECT_GE(found.y, 0);
  EXPECT_GT(found.w, 0);
  EXPECT_GT(found.h, 0);
  EXPECT_LE(found.x + found.w, 1.0001);
  EXPECT_LE(found.y + found.h, 1.0001);
  EXPECT_NEAR(found.focus_x, found.x + found.w / 2, 1e-3);
  EXPECT_NEAR(found.focus_y, found.y + found.h / 2, 1e-3);
  return found;
}

TEST(SmartCrop, FindsWhatStandsOut) {
  // A striped red ball before a soft sky, in the lower right third.
  const Pixels ball = Painted(512, 320, [](int x, int y) -> Color {
    const bool inside = (x - 380) * (x - 380) + (y - 220) * (y - 220) < 45 * 45;
    if (!inside) return {120, 160 + y / 16, 220, 255};
    return (x / 6 + y / 9) % 2 == 0 ? Color{200, 40, 30, 255} : Color{240, 220, 200, 255};
  });
  const SmartRegion found = SmartCropOf(ball);
  EXPECT_NEAR(found.focus_x, 380.0 / 512, 0.05);
  EXPECT_NEAR(found.focus_y, 220.0 / 320, 0.05);
  EXPECT_LT(found.w, 0.35);
  EXPECT_LT(found.h, 0.45);
}

TEST(SmartCrop, PrefersSkinToOtherColours) {
  const auto textured = [](int x, int y, int r, int g, int b) -> Color {
    const int shade = (x / 5 + y / 5) % 2 * 24;
    return {r - shade, g - shade, b - shade, 255};
  };
  const Pixels two = Painted(400, 200, [&](int x, int y) -> Color {
    if (y > 60 && y < 140 && x > 60 && x < 140) return textured(x, y, 150, 190, 150);
    if (y > 60 && y < 140 && x > 260 && x < 340) return textured(x, y, 224, 172, 140);
    return {128, 128, 128, 255};
  });
  EXPECT_NEAR(SmartCropOf(two).focus_x, 0.75, 0.08);
}

TEST(SmartCrop, IgnoresWhatCannotBeSeen) {
  const Pixels hidden = Painted(300, 300, [](int x, int y) -> Color {
    const int alpha = x < 150 ? 0 : 255;
    if (x < 150) return {(x * 37 + y * 91) % 256, y * 13 % 256, 0, alpha};
    const bool mark = x > 220 && x < 260 && y > 40 && y < 80;
    return {mark ? 20 : 230, mark ? 20 : 230, mark ? 120 : 230, alpha};
  });
  EXPECT_GT(SmartCropOf(hidden).x, 0.45);
}

TEST(SmartCrop, OfAnEvenPictureIsTheWhole) {
  for (const auto& [width, height] : {std::pair(1, 1), std::pair(512, 1), std::pair(300, 200)}) {
    for (const int alpha : {0, 255}) {
      const Pixels even = Painted(width, height, [alpha](int, int) -> Color {
        return {128, 128, 128, alpha};
      });
      if (width > 1 && alpha == 255) continue;  // the middle counts a little more
      const SmartRegion found = SmartCropOf(even);
      EXPECT_EQ(found.w, 1);
      EXPECT_EQ(found.h, 1);
    }
  }
}

TEST(Analysis, TakesPicturesOfAnyShape) {
  for (const auto& [width, height] :
       {std::pair(1, 1), std::pair(1, 512), std::pair(512, 1), std::pair(2, 2), std::pair(3, 3),
        std::pair(64, 64), std::pair(65, 511), std::pair(512, 512)}) {
    for (const int alpha : {0, 100, 255}) {
      const Pixels pixels = Painted(width, height, [alpha](int x, int y) -> Color {
        return {x * 31 % 256, y * 57 % 256, (x + y) % 256, alpha};
      });
      SmartCropOf(pixels);
      const json sharpness = ResultOf(MeasureSharpness, pixels);
      EXPECT_GE(sharpness.at("score"), 0);
      EXPECT_LE(sharpness.at("score"), 100);
      const json pdq = ResultOf(MakePdq, pixels);
      EXPECT_TRUE(Pdq::FromHex(pdq.at("hash").get<std::string>()).ok());
      EXPECT_EQ(pdq, ResultOf(MakePdq, pixels));
    }
  }
}

}  // namespace
}  // namespace stockroom::imageproc
