#include "services/imageproc/codec/source_image.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vips/vips8>

#include "absl/strings/str_cat.h"
#include "services/imageproc/codec/exif.h"
#include "services/imageproc/codec/loaders.h"
#include "services/imageproc/codec/vips_library.h"

namespace stockroom::imageproc {

using vips::VImage;

namespace {

size_t BlobSize(const VImage& image, const char* name) {
  if (image.get_typeof(name) != VIPS_TYPE_BLOB) return 0;
  size_t length = 0;
  image.get_blob(name, &length);
  return length;
}

int IntField(const VImage& image, const char* name, int otherwise) {
  return image.get_typeof(name) == G_TYPE_INT ? image.get_int(name) : otherwise;
}

std::string ColorSpaceName(VipsInterpretation interpretation) {
  switch (interpretation) {
    case VIPS_INTERPRETATION_sRGB:
    case VIPS_INTERPRETATION_RGB:
    case VIPS_INTERPRETATION_RGB16:
      return "rgb";
    case VIPS_INTERPRETATION_B_W:
    case VIPS_INTERPRETATION_GREY16:
      return "grey";
    default:
      return vips_enum_nick(VIPS_TYPE_INTERPRETATION, interpretation);
  }
}

absl::Status CheckLimits(const VImage& image, int frames, const SourceLimits& limits) {
  if (image.width() > limits.max_side || image.height() > limits.max_side) {
    return absl::OutOfRangeError(absl::StrCat("The picture is ", image.width(), " x ",
                                              image.height(), " pixels; a side may have at most ",
                                              limits.max_side, "."));
  }
  const int64_t area = int64_t{image.width()} * image.height();
  if (area > limits.max_pixels / frames) {
    const std::string all_frames = frames > 1 ? absl::StrCat(" in ", frames, " frames") : "";
    return absl::OutOfRangeError(absl::StrCat("The picture has ", image.width(), " x ",
                                              image.height(), " pixels", all_frames, "; at most ",
                                              limits.max_pixels, " pixels are allowed in all."));
  }
  if (const size_t size = BlobSize(image, VIPS_META_ICC_NAME); size > limits.max_icc_bytes) {
    return absl::OutOfRangeError(absl::StrCat("The colour profile has ", size, " bytes; at most ",
                                              limits.max_icc_bytes, " are allowed."));
  }
  if (const size_t size = BlobSize(image, VIPS_META_EXIF_NAME); size > limits.max_exif_bytes) {
    return absl::OutOfRangeError(absl::StrCat("The EXIF block has ", size, " bytes; at most ",
                                              limits.max_exif_bytes, " are allowed."));
  }
  return absl::OkStatus();
}

void ReadMetadata(const VImage& image, SourceFacts& facts) {
  if (image.get_typeof(VIPS_META_ICC_NAME) == VIPS_TYPE_BLOB) {
    size_t length = 0;
    const void* data = image.get_blob(VIPS_META_ICC_NAME, &length);
    facts.icc_description = IccDescription({static_cast<const char*>(data), length});
  }
  for (const auto& [field, tag] : KeptExifFields()) {
    if (image.get_typeof(field.c_str()) == 0) continue;
    std::string value = ExifValue(image.get_string(field.c_str()));
    if (!value.empty()) facts.exif[tag] = std::move(value);
  }
  if (auto taken = facts.exif.find("DateTimeOriginal"); taken != facts.exif.end()) {
    facts.taken_time = ParseExifTime(taken->second);
  }
}

SourceFacts ReadFacts(const VImage& image, MediaKind format, int frames) {
  SourceFacts facts;
  const int orientation = IntField(image, VIPS_META_ORIENTATION, 1);
  facts.orientation = orientation >= 1 && orientation <= 8 ? orientation : 1;
  facts.width = image.width();
  facts.height = image.height();
  if (facts.orientation >= 5) std::swap(facts.width, facts.height);
  facts.format = MediaName(format);
  facts.media_type = MediaType(format);
  facts.frames = frames;
  const int stored_depth = static_cast<int>(vips_format_sizeof(image.format())) * 8;
  facts.bit_depth =
      IntField(image, "heif-bitdepth", IntField(image, "bits-per-sample", stored_depth));
  facts.has_alpha = image.has_alpha();
  facts.color_space = ColorSpaceName(image.interpretation());
  ReadMetadata(image, facts);
  return facts;
}

VImage ResizeTo(const VImage& image, Size size) {
  if (image.width() == size.width && image.height() == size.height) return image;
  auto* options =
      VImage::option()->set("vscale", static_cast<double>(size.height) / image.height());
  const double scale = static_cast<double>(size.width) / image.width();
  if (!image.has_alpha()) return image.resize(scale, options);
  // Otherwise the colour of invisible pixels would bleed into their neighbours.
  return image.premultiply().resize(scale, options).unpremultiply().cast(image.format());
}

VImage WithoutIdleAlpha(VImage image) {
  if (!image.has_alpha()) return image;
  const int alpha = image.bands() - 1;
  if (image.extract_band(alpha).min() < 255) return image;
  return image.extract_band(0, VImage::option()->set("n", alpha)).copy_memory();
}

// Here rather than by the savers' own option, which lets EXIF texts through into PNG.
VImage WithoutMetadata(const VImage& image) {
  VImage bare = image.copy();
  gchar** fields = vips_image_get_fields(bare.get_image());
  for (gchar** field = fields; *field != nullptr; ++field) bare.remove(*field);
  g_strfreev(fields);
  return bare;
}

}  // namespace

struct Raster::Data {
  VImage image;
};

Size FitInside(Size original, const Recipe& recipe) {
  double scale = 1;
  if (recipe.width > 0) scale = std::min(scale, static_cast<double>(recipe.width) / original.width);
  if (recipe.height > 0) {
    scale = std::min(scale, static_cast<double>(recipe.height) / original.height);
  }
  const auto side = [scale](int pixels) {
    return std::max(1, static_cast<int>(std::lround(pixels * scale)));
  };
  return {side(original.width), side(original.height)};
}

absl::StatusOr<SourceImage> SourceImage::Open(std::string_view bytes, const SourceLimits& limits) {
  if (bytes.empty()) return absl::InvalidArgumentError("The file is empty.");
  const MediaKind format = SniffMedia(bytes);
  if (format == MediaKind::kUnknown) {
    return absl::InvalidArgumentError(
        "The file is not an image that Stockroom reads: JPEG, PNG, WebP, GIF, TIFF or AVIF.");
  }
  try {
    const VImage header = LoadSource(bytes, format, 1);
    const int frames = std::max(1, IntField(header, VIPS_META_N_PAGES, 1));
    if (absl::Status status = CheckLimits(header, frames, limits); !status.ok()) return status;
    SourceImage source(bytes, format);
    source.facts_ = ReadFacts(header, format, frames);
    return source;
  } catch (...) {
    return CurrentVipsFailure("Reading the header");
  }
}

absl::StatusOr<Raster> SourceImage::Decode(Size size) const {
  try {
    const bool turned = facts_.orientation >= 5;
    const Size lying = turned ? Size{size.height, size.width} : size;
    const int full_width = turned ? facts_.height : facts_.width;
    const int full_height = turned ? facts_.width : facts_.height;
    const double ratio = std::min(static_cast<double>(full_width) / lying.width,
                                  static_cast<double>(full_height) / lying.height);
    VImage image = LoadSource(bytes_, format_, ShrinkOnLoad(format_, ratio));
    // Colours and orientation come after the resize: the same result from far fewer pixels.
    image = ToSrgb(ResizeTo(image, lying)).copy_memory();
    if (facts_.orientation != 1) image = image.autorot().copy_memory();
    image = WithoutMetadata(WithoutIdleAlpha(image));
    return Raster(std::make_shared<const Raster::Data>(Raster::Data{image}));
  } catch (...) {
    return CurrentVipsFailure("Decoding the picture");
  }
}

Size Raster::size() const { return {data_->image.width(), data_->image.height()}; }
bool Raster::has_alpha() const { return data_->image.has_alpha(); }

absl::StatusOr<Raster> Raster::ResizedTo(Size size) const {
  try {
    return Raster(std::make_shared<const Data>(Data{ResizeTo(data_->image, size).copy_memory()}));
  } catch (...) {
    return CurrentVipsFailure("Resizing the picture");
  }
}

absl::StatusOr<std::string> Raster::Encode(ImageFormat format, int quality) const {
  try {
    VImage image = data_->image;
    if (format == ImageFormat::kJpeg && image.has_alpha()) {
      image = image.flatten(VImage::option()->set("background", 255.0));
    }
    VipsBlob* blob = nullptr;
    auto* options = VImage::option()->set("strip", true);
    switch (format) {
      case ImageFormat::kPng:
        blob = image.pngsave_buffer(options);
        break;
      case ImageFormat::kWebp:
        blob = image.webpsave_buffer(options->set("Q", quality)->set("effort", 2));
        break;
      default:
        blob = image.jpegsave_buffer(options->set("Q", quality));
        break;
    }
    size_t length = 0;
    const void* data = vips_blob_get(blob, &length);
    std::string bytes(static_cast<const char*>(data), length);
    vips_area_unref(VIPS_AREA(blob));
    return bytes;
  } catch (...) {
    return CurrentVipsFailure("Encoding a rendition");
  }
}

absl::StatusOr<Pixels> Raster::ToPixels() const {
  try {
    VImage image = data_->image.colourspace(VIPS_INTERPRETATION_sRGB);
    if (!image.has_alpha()) image = image.bandjoin_const({255});
    image = image.cast(VIPS_FORMAT_UCHAR).copy_memory();
    Pixels pixels{.width = image.width(), .height = image.height(), .rgba = {}};
    const auto* data = static_cast<const uint8_t*>(image.data());
    pixels.rgba.assign(data, data + size_t{4} * image.width() * image.height());
    return pixels;
  } catch (...) {
    return CurrentVipsFailure("Looking at the picture");
  }
}

}  // namespace stockroom::imageproc
