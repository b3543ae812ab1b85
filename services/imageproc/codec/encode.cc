#include "services/imageproc/codec/encode.h"

#include <algorithm>
#include <initializer_list>

#include "absl/strings/str_cat.h"
#include "services/common/base/strings.h"

namespace stockroom::imageproc {

using vips::VImage;
using vips::VOption;

namespace {

// Effort: where a step more costs much time for few bytes (measured on the 12 to 14 MP
// photographs).
constexpr int kWebpEffort = 2;
constexpr int kAvifEffort = 1;
constexpr int kGifEffort = 3;
constexpr int kPngCompression = 6;
// Up to this quality the eye does not miss the half of the colour samples that is left out.
constexpr int kHalvedChromaUpTo = 90;
constexpr int kQualityStep = 8;
// Huffman tables made for the picture save some 4 percent, but its coefficients must then all be
// kept: 3 bytes for each pixel.
constexpr int64_t kTablesOfItsOwnUpTo = 4'000'000;

std::string Taken(VipsBlob* blob) {
  size_t length = 0;
  const void* data = vips_blob_get(blob, &length);
  std::string bytes(static_cast<const char*>(data), length);
  vips_area_unref(VIPS_AREA(blob));
  return bytes;
}

// libvips reads and writes a tag as "value (value, ASCII, N components, N bytes)".
void SetTag(VImage& image, const char* field, const std::string& value) {
  if (value.empty()) return;
  const size_t length = value.size() + 1;
  image.set(field, absl::StrCat(value, " (", value, ", ASCII, ", length, " components, ", length,
                                " bytes)")
                       .c_str());
}

// Whether anything is attached that a file should carry.
bool HasMetadata(const VImage& image, const KeptMetadata& kept) {
  return !kept.copyright.empty() || !kept.artist.empty() ||
         image.get_typeof(VIPS_META_ICC_NAME) != 0;
}

std::string SavePng(const VImage& image, const Recipe& recipe, VOption* options) {
  options->set("compression", kPngCompression);
  if (recipe.palette) options->set("palette", true)->set("effort", kGifEffort);
  return Taken(image.pngsave_buffer(options));
}

}  // namespace

VImage WithoutMetadata(const VImage& image, bool with_profile) {
  constexpr std::string_view kNeeded[] = {"page-height", "n-pages", "delay", "loop"};
  VImage bare = image.copy();
  gchar** fields = vips_image_get_fields(bare.get_image());
  for (gchar** field = fields; *field != nullptr; ++field) {
    const std::string_view name = *field;
    const bool needed =
        std::find(std::begin(kNeeded), std::end(kNeeded), name) != std::end(kNeeded) ||
        (with_profile && name == VIPS_META_ICC_NAME);
    if (!needed) bare.remove(*field);
  }
  g_strfreev(fields);
  return bare;
}

std::string EncodePicture(const VImage& picture, const Recipe& recipe, const KeptMetadata& kept) {
  VImage image = picture;
  const bool bare = !HasMetadata(image, kept);
  if (!kept.copyright.empty() || !kept.artist.empty()) {
    image = image.copy();
    SetTag(image, "exif-ifd0-Copyright", kept.copyright);
    SetTag(image, "exif-ifd0-Artist", kept.artist);
  }
  auto* options = VImage::option()->set("strip", bare);
  switch (recipe.format) {
    case ImageFormat::kPng:
      return SavePng(image, recipe, options);
    case ImageFormat::kWebp:
      return Taken(image.webpsave_buffer(options->set("Q", recipe.quality)
                                             ->set("lossless", recipe.lossless)
                                             ->set("effort", kWebpEffort)));
    case ImageFormat::kAvif:
      return Taken(image.heifsave_buffer(options->set("Q", recipe.quality)
                                             ->set("lossless", recipe.lossless)
                                             ->set("compression", VIPS_FOREIGN_HEIF_COMPRESSION_AV1)
                                             ->set("bitdepth", 8)
                                             ->set("effort", kAvifEffort)));
    case ImageFormat::kGif:
      return Taken(image.gifsave_buffer(options->set("effort", kGifEffort)));
    case ImageFormat::kJpeg:
    case ImageFormat::kAuto:
      break;
  }
  return Taken(image.jpegsave_buffer(
      options->set("Q", recipe.quality)
          ->set("optimize_coding", int64_t{image.width()} * image.height() <= kTablesOfItsOwnUpTo)
          ->set("subsample_mode", recipe.quality > kHalvedChromaUpTo ? VIPS_FOREIGN_SUBSAMPLE_OFF
                                                                     : VIPS_FOREIGN_SUBSAMPLE_ON)));
}

std::string EncodeBelow(const VImage& image, Recipe recipe, const KeptMetadata& kept,
                        std::string best, size_t limit) {
  // Says whether it is small enough.
  const auto keep_smaller = [&](std::string bytes) {
    if (bytes.size() < best.size()) best = std::move(bytes);
    return best.size() <= limit;
  };
  const auto options = [&] { return VImage::option()->set("strip", !HasMetadata(image, kept)); };
  if (recipe.format == ImageFormat::kPng) {
    auto* thorough = options()->set("compression", 9)->set("filter", VIPS_FOREIGN_PNG_FILTER_ALL);
    if (!keep_smaller(Taken(image.pngsave_buffer(thorough))) && !recipe.palette) {
      recipe.palette = true;
      keep_smaller(EncodePicture(image, recipe, kept));
    }
  } else if (recipe.format == ImageFormat::kGif) {
    for (int depth = 8; depth >= 4; --depth) {
      auto* coarser = options()
                          ->set("effort", kGifEffort)
                          ->set("dither", 0.0)
                          ->set("interframe_maxerror", 8.0)
                          ->set("bitdepth", depth);
      if (keep_smaller(Taken(image.gifsave_buffer(coarser)))) break;
    }
  } else if (recipe.lossless) {
    if (recipe.format == ImageFormat::kWebp) {
      keep_smaller(
          Taken(image.webpsave_buffer(options()->set("lossless", true)->set("effort", 6))));
    }
  } else {
    while (recipe.quality > kLowestQuality) {
      recipe.quality = std::max(kLowestQuality, recipe.quality - kQualityStep);
      if (keep_smaller(EncodePicture(image, recipe, kept))) break;
    }
  }
  return best;
}

}  // namespace stockroom::imageproc
