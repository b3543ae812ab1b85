#include "services/imageproc/codec/look.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>
#include <vector>

#include "services/imageproc/codec/loaders.h"
#include "services/imageproc/codec/resize.h"

namespace stockroom::imageproc {

using vips::VImage;

namespace {

constexpr int64_t kMaxMarkPixels = 16'000'000;

// How much of the room lies before something that gravity pulls there.
std::pair<double, double> Direction(Gravity gravity) {
  switch (gravity) {
    case Gravity::kNorthWest:
      return {0, 0};
    case Gravity::kNorth:
      return {0.5, 0};
    case Gravity::kNorthEast:
      return {1, 0};
    case Gravity::kWest:
      return {0, 0.5};
    case Gravity::kEast:
      return {1, 0.5};
    case Gravity::kSouthWest:
      return {0, 1};
    case Gravity::kSouth:
      return {0.5, 1};
    case Gravity::kSouthEast:
      return {1, 1};
    case Gravity::kCenter:
    case Gravity::kSmart:
      break;
  }
  return {0.5, 0.5};
}

// 0xRRGGBBAA as bands; grey pictures only ever get grey ones.
std::vector<double> Bands(uint32_t rgba, bool with_alpha) {
  std::vector<double> bands;
  for (const int shift : {24, 16, 8}) bands.push_back(rgba >> shift & 255);
  if (with_alpha) bands.push_back(rgba & 255);
  return bands;
}

bool IsGreyColour(uint32_t rgba) {
  return (rgba >> 24) == (rgba >> 16 & 255) && (rgba >> 24) == (rgba >> 8 & 255);
}

VImage InColour(VImage image) {
  return image.bands() >= 3 ? image : image.colourspace(VIPS_INTERPRETATION_sRGB);
}

VImage Bytes(VImage image) {
  return image.format() == VIPS_FORMAT_UCHAR ? image : image.cast(VIPS_FORMAT_UCHAR);
}

// `work` on the colours alone.
template <typename Work>
VImage OnColours(VImage image, Work work) {
  if (!image.has_alpha()) return Bytes(work(image));
  const int colours = image.bands() - 1;
  const VImage alpha = image.extract_band(colours);
  return Bytes(work(image.extract_band(0, VImage::option()->set("n", colours)))).bandjoin(alpha);
}

// A curve over the 256 values of a band.
template <typename Curve>
VImage Map(VImage image, Curve curve) {
  std::array<uint8_t, 256> table;
  for (size_t i = 0; i < table.size(); ++i) {
    table[i] =
        static_cast<uint8_t>(std::clamp(std::lround(curve(static_cast<double>(i))), 0L, 255L));
  }
  const VImage lut =
      VImage::new_from_memory(table.data(), table.size(), 256, 1, 1, VIPS_FORMAT_UCHAR)
          .copy_memory();
  return OnColours(image, [&](const VImage& colours) { return colours.maplut(lut); });
}

VImage Mix(VImage image, std::array<double, 9> matrix) {
  const VImage coefficients = VImage::new_matrix(3, 3, matrix.data(), 9);
  return OnColours(InColour(image),
                   [&](const VImage& colours) { return colours.recomb(coefficients); });
}

VImage Saturate(VImage image, int saturation) {
  if (image.bands() < 3) return image;
  const double s = (100 + saturation) / 100.0;
  // Brightness as the eye weighs it (ITU-R BT.709).
  const double r = 0.2126 * (1 - s);
  const double g = 0.7152 * (1 - s);
  const double b = 0.0722 * (1 - s);
  return Mix(image, {r + s, g, b, r, g + s, b, r, g, b + s});
}

// The tint's hue and chroma, the picture's lightness.
VImage Tint(VImage image, uint32_t rgb) {
  VImage colour = VImage::black(1, 1)
                      .new_from_image(Bands(rgb << 8, false))
                      .copy(VImage::option()->set("interpretation", VIPS_INTERPRETATION_sRGB))
                      .colourspace(VIPS_INTERPRETATION_LAB);
  const std::vector<double> lab = colour.getpoint(0, 0);
  return OnColours(InColour(image), [&](const VImage& colours) {
    const VImage light = colours.colourspace(VIPS_INTERPRETATION_LAB).extract_band(0);
    return light.bandjoin_const({lab[1], lab[2]})
        .copy(VImage::option()->set("interpretation", VIPS_INTERPRETATION_LAB))
        .colourspace(VIPS_INTERPRETATION_sRGB);
  });
}

// Whole blocks only: the last ones are filled up with their own edge.
VImage InBlocks(VImage image, int block) {
  const int across = (image.width() + block - 1) / block;
  const int down = (image.height() + block - 1) / block;
  return image
      .embed(0, 0, across * block, down * block, VImage::option()->set("extend", VIPS_EXTEND_COPY))
      .shrink(block, block);
}

// Time grows with sigma, so a large one works on a smaller picture, where nothing fine is left
// anyway. Not with integers, whose rounding would change plain areas.
VImage Gauss(VImage image, double sigma) {
  const auto exactly = [] { return VImage::option()->set("precision", VIPS_PRECISION_FLOAT); };
  int block = 1;
  while (sigma / block > 8) block *= 2;
  if (block == 1) return image.gaussblur(sigma, exactly());
  const int width = image.width();
  const int height = image.height();
  const VImage small = InBlocks(image, block).gaussblur(sigma / block, exactly());
  return small.copy_memory()
      .resize(block, VImage::option()->set("kernel", VIPS_KERNEL_LINEAR))
      .extract_area(0, 0, width, height);
}

VImage Pixelate(VImage image, int block) {
  const bool alpha = image.has_alpha();
  VImage small = InBlocks(alpha ? image.premultiply() : image, block);
  if (alpha) small = small.unpremultiply();
  // A zoom looks at each line of blocks many times.
  return Bytes(small.rint())
      .copy_memory()
      .zoom(block, block)
      .extract_area(0, 0, image.width(), image.height());
}

VImage Blur(VImage image, double sigma) {
  const bool alpha = image.has_alpha();
  if (alpha) image = image.premultiply();
  image = Gauss(image, sigma);
  if (alpha) image = image.unpremultiply();
  return Bytes(image.rint());
}

// Unsharp masking: what a blur of `sigma` takes away is added once more.
VImage Sharpen(VImage image, double sigma) {
  return OnColours(image, [sigma](const VImage& colours) {
    return (colours * 2.0 - Gauss(colours, sigma)).rint();
  });
}

}  // namespace

bool HasLook(const Recipe& recipe) {
  return recipe.blur != 0 || recipe.sharpen != 0 || recipe.brightness != 0 ||
         recipe.contrast != 0 || recipe.saturation != 0 || recipe.gamma != 10 || recipe.gray ||
         recipe.sepia || recipe.negate || recipe.tint || recipe.pixelate != 0;
}

VImage ApplyLook(VImage image, const Recipe& recipe) {
  if (!HasLook(recipe)) return image;
  if (recipe.blur != 0) image = Blur(image, recipe.blur / 10.0);
  if (recipe.sharpen != 0) image = Sharpen(image, recipe.sharpen / 10.0);
  if (recipe.brightness != 0 || recipe.contrast != 0) {
    const double shift = recipe.brightness * 2.55;
    const double contrast = (100 + recipe.contrast) / 100.0;
    image = Map(image, [=](double value) {
      return (std::clamp(value + shift, 0.0, 255.0) - 127.5) * contrast * contrast + 127.5;
    });
  }
  if (recipe.saturation != 0) image = Saturate(image, recipe.saturation);
  if (recipe.gamma != 10) {
    image = Map(image, [exponent = 10.0 / recipe.gamma](double value) {
      return 255 * std::pow(value / 255, exponent);
    });
  }
  if (recipe.gray) image = image.colourspace(VIPS_INTERPRETATION_B_W);
  if (recipe.sepia) {
    image = Mix(image, {0.393, 0.769, 0.189, 0.349, 0.686, 0.168, 0.272, 0.534, 0.131});
  }
  if (recipe.negate) image = Map(image, [](double value) { return 255 - value; });
  if (recipe.tint) image = Tint(image, *recipe.tint);
  if (recipe.pixelate != 0) image = Pixelate(image, recipe.pixelate);
  return image;
}

VImage OnCanvas(VImage image, Size canvas, int left, int top, const Recipe& recipe) {
  const bool opaque_format = recipe.format == ImageFormat::kJpeg;
  const uint32_t colour = recipe.background.value_or(opaque_format ? 0xffffffff : 0xffffff00);
  if (!IsGreyColour(colour)) image = InColour(image);
  const bool with_alpha = image.has_alpha() || (colour & 255) != 255;
  if (with_alpha && !image.has_alpha()) image = image.bandjoin_const({255});
  // The background lies behind the whole picture, not only around it.
  if ((colour & 255) == 255 && image.has_alpha()) image = Flattened(image, recipe);
  std::vector<double> bands = Bands(colour, image.has_alpha());
  if (image.bands() < 3) bands.erase(bands.begin(), bands.begin() + 2);
  return image.embed(
      left, top, canvas.width, canvas.height,
      VImage::option()->set("extend", VIPS_EXTEND_BACKGROUND)->set("background", bands));
}

VImage Flattened(VImage image, const Recipe& recipe) {
  if (!image.has_alpha()) return image;
  const uint32_t colour = recipe.background.value_or(0xffffffff);
  if (!IsGreyColour(colour)) image = InColour(image);
  std::vector<double> bands = Bands(colour, false);
  if (image.bands() < 3) bands.resize(1);
  return image.flatten(VImage::option()->set("background", bands));
}

VImage LayMark(VImage image, std::string_view file, const MarkStep& step) {
  const MediaKind kind = SniffMedia(file);
  if (kind != MediaKind::kJpeg && kind != MediaKind::kPng && kind != MediaKind::kWebp) {
    throw vips::VError("a watermark is a JPEG, PNG or WebP file");
  }
  VImage mark = LoadSource(file, kind, {});
  if (int64_t{mark.width()} * mark.height() > kMaxMarkPixels) {
    throw vips::VError("the watermark has too many pixels");
  }
  const int width = std::max(1, image.width() * step.width_percent / 100);
  const double scale = std::min(static_cast<double>(width) / mark.width(),
                                static_cast<double>(image.height()) / mark.height());
  const auto side = [scale](int pixels) {
    return std::max(1, static_cast<int>(std::lround(pixels * scale)));
  };
  mark = ResizedTo(mark, {side(mark.width()), side(mark.height())});
  mark = InColour(ToScreenColours(mark, false));
  if (!mark.has_alpha()) mark = mark.bandjoin_const({255});
  mark = Bytes(mark * std::vector<double>{1, 1, 1, step.opacity_percent / 100.0})
             .copy(VImage::option()->set("interpretation", VIPS_INTERPRETATION_sRGB))
             .copy_memory();
  const bool had_alpha = image.has_alpha();
  const int room_x = image.width() - mark.width();
  const int room_y = image.height() - mark.height();
  const auto [x, y] = Direction(step.gravity);
  VImage both = InColour(image).composite2(mark, VIPS_BLEND_MODE_OVER,
                                           VImage::option()
                                               ->set("x", static_cast<int>(room_x * x))
                                               ->set("y", static_cast<int>(room_y * y)));
  if (!had_alpha) both = both.extract_band(0, VImage::option()->set("n", 3));
  return Bytes(both);
}

}  // namespace stockroom::imageproc
