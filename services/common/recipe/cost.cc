#include "services/common/recipe/cost.h"

#include <algorithm>
#include <cmath>
#include <string_view>

namespace stockroom {
namespace {

// Measured with libvips 8.14, one thread, on one core of the machine that docs/benchmarks.md
// describes, with photographs of 6 and 8 megapixels (`vips avg`, `vips copy`; less what the same
// takes on raw pixels).
struct DecodeCost {
  std::string_view format;
  double ms_per_megapixel;    // of the file's pixels, whatever the scale
  double bytes_per_pixel;     // that the decoder holds of them
  double ms_per_decoded = 0;  // megapixel, where fewer can be decoded
  bool shrinks = false;       // can skip 1/2, 1/4, 1/8 of each side while decoding
};

constexpr DecodeCost kDecode[] = {
    {"jpeg", 2.1, 0, 6.2, true},
    {"png", 22, 0},
    {"webp", 18, 7},
    {"gif", 12, 4.5},
    {"tiff", 2, 1},
    {"avif", 25, 7},
    {"heic", 70, 8},
    {"jxl", 28, 6},
    {"svg", 60, 4},
};
// Of formats that are not in the table: as the slowest that is likely.
constexpr DecodeCost kUnknown = {"", 60, 8};
// All coefficients are kept until the last scan.
constexpr double kProgressiveMsPerMegapixel = 12;
constexpr double kProgressiveBytesPerPixel = 4;

constexpr double kResizeMsPerMegapixel = 3;   // of what was decoded
constexpr double kFilterMsPerMegapixel = 15;  // of the result, each
constexpr double kFixedMs = 2;                // headers, hand-over of bytes
constexpr int64_t kFixedBytes = 32 << 20;     // the process and its libraries
constexpr double kBytesPerPixel = 4;

double EncodeMsPerMegapixel(const Recipe& recipe) {
  switch (recipe.format) {
    case ImageFormat::kAuto:
    case ImageFormat::kJpeg:
      return 7;
    case ImageFormat::kPng:
      return recipe.palette ? 300 : 115;
    case ImageFormat::kWebp:
      return recipe.lossless ? 400 : 145;
    case ImageFormat::kAvif:
      return recipe.lossless ? 150 : 65;
    case ImageFormat::kGif:
      return 350;
  }
  return 0;
}

double Megapixels(Size size) { return 1e-6 * size.width * size.height; }

DecodeCost DecodeOf(const SourceTraits& source) {
  const auto* found =
      std::find_if(std::begin(kDecode), std::end(kDecode),
                   [&](const DecodeCost& cost) { return cost.format == source.format; });
  DecodeCost cost = found == std::end(kDecode) ? kUnknown : *found;
  if (source.progressive && cost.shrinks) {
    cost.ms_per_megapixel = kProgressiveMsPerMegapixel;
    cost.bytes_per_pixel = kProgressiveBytesPerPixel;
  }
  return cost;
}

int ShrinkFor(const Geometry& plan) {
  const int most =
      std::min(plan.turned.width / plan.scaled.width, plan.turned.height / plan.scaled.height);
  return most >= 8 ? 8 : most >= 4 ? 4 : most >= 2 ? 2 : 1;
}

int Filters(const Recipe& recipe) {
  const bool used[] = {recipe.blur != 0,
                       recipe.sharpen != 0,
                       recipe.brightness != 0,
                       recipe.contrast != 0,
                       recipe.gamma != 10,
                       recipe.saturation != 0,
                       recipe.gray,
                       recipe.sepia,
                       recipe.negate,
                       recipe.tint.has_value(),
                       recipe.pixelate != 0,
                       recipe.mark.has_value()};
  return static_cast<int>(std::count(std::begin(used), std::end(used), true));
}

// Rows must be there in another order than the file has them.
bool NeedsWhole(const Recipe& recipe) {
  return recipe.rotate != 0 || recipe.flip_v || recipe.trim > 0;
}

}  // namespace

RenderCost PredictCost(const SourceTraits& source, const Recipe& recipe) {
  auto plan = PlanGeometry(source.size, recipe);
  if (!plan.ok()) {
    // A crop of the original may lie outside of its rung.
    Recipe uncropped = recipe;
    uncropped.crop.reset();
    plan = PlanGeometry(source.size, uncropped);
  }
  if (!plan.ok()) return {kFixedMs, kFixedBytes};  // it will be refused
  const bool moves =
      !recipe.still && (recipe.format == ImageFormat::kWebp || recipe.format == ImageFormat::kGif);
  const double frames = moves ? std::max(source.frames, 1) : 1;
  const DecodeCost decode = DecodeOf(source);
  const double pixels = Megapixels(source.size);
  const double shrink = decode.shrinks ? ShrinkFor(*plan) : 1;
  const double decoded = pixels / (shrink * shrink);
  const double result = Megapixels(plan->canvas);

  RenderCost cost;
  cost.cpu_ms =
      kFixedMs +
      frames * (pixels * decode.ms_per_megapixel +
                decoded * (decode.ms_per_decoded + kResizeMsPerMegapixel) +
                result * (EncodeMsPerMegapixel(recipe) + Filters(recipe) * kFilterMsPerMegapixel));
  double bytes = 1e6 * pixels * decode.bytes_per_pixel + 1e6 * result * kBytesPerPixel * frames;
  if (NeedsWhole(recipe)) bytes += 1e6 * decoded * kBytesPerPixel * frames;
  // Far beyond what anybody admits, but still a number.
  cost.memory_bytes = kFixedBytes + std::max<int64_t>(source.bytes, 0) +
                      static_cast<int64_t>(std::min(bytes, 1e15));
  return cost;
}

}  // namespace stockroom
