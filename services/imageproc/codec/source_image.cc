#include "services/imageproc/codec/source_image.h"

#include <algorithm>
#include <vips/vips8>

#include "absl/strings/str_cat.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"
#include "services/imageproc/codec/compose.h"
#include "services/imageproc/codec/encode.h"
#include "services/imageproc/codec/exif.h"
#include "services/imageproc/codec/header_scan.h"
#include "services/imageproc/codec/icc.h"
#include "services/imageproc/codec/planar.h"
#include "services/imageproc/codec/raster.h"
#include "services/imageproc/codec/resize.h"
#include "services/imageproc/codec/svg_check.h"

namespace stockroom::imageproc {

using vips::VImage;

namespace {

int64_t BlobSize(const VImage& image, const char* name) {
  if (image.get_typeof(name) != VIPS_TYPE_BLOB) return 0;
  size_t length = 0;
  image.get_blob(name, &length);
  return static_cast<int64_t>(length);
}

bool HasPlainColours(const VImage& image) {
  if (image.get_typeof(VIPS_META_ICC_NAME) != VIPS_TYPE_BLOB) return true;
  size_t length = 0;
  const void* data = image.get_blob(VIPS_META_ICC_NAME, &length);
  return IsSrgbProfile({static_cast<const char*>(data), length});
}

std::string ExifText(const VImage& image, const char* field) {
  return image.get_typeof(field) == 0 ? "" : ExifValue(image.get_string(field));
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

// Whether this program reads `format` at all.
absl::Status CheckReadable(std::string_view bytes, MediaKind format) {
  const std::vector<std::string> reads = DescribeCodec().reads;
  if (std::find(reads.begin(), reads.end(), MediaName(format)) == reads.end()) {
    std::string names;
    for (const std::string& name : reads) absl::StrAppend(&names, names.empty() ? "" : ", ", name);
    return absl::InvalidArgumentError(
        format == MediaKind::kUnknown
            ? absl::StrCat("The file is not an image that Stockroom reads: ", names, ".")
            : absl::StrCat(Av(MediaName(format)), " is not read here, but ", names, "."));
  }
  if (format != MediaKind::kSvg) return absl::OkStatus();
  SR_RETURN_IF_ERROR(CheckSvg(bytes));
  return AllowSvg();
}

absl::Status CheckBytes(const char* what, int64_t size, int64_t limit) {
  if (size <= limit) return absl::OkStatus();
  return absl::OutOfRangeError(
      absl::StrCat("The ", what, " has ", size, " bytes; at most ", limit, " are allowed."));
}

absl::Status CheckLimits(const HeaderScan& scan, const SourceLimits& limits) {
  if (std::max(scan.width, scan.height) > limits.max_side) {
    return absl::OutOfRangeError(absl::StrCat("The picture is ", scan.width, " x ", scan.height,
                                              " pixels; a side may have at most ", limits.max_side,
                                              "."));
  }
  if (scan.width * scan.height > limits.max_pixels / scan.frames) {
    const std::string all_frames =
        scan.frames > 1 ? absl::StrCat(" in ", scan.frames, " frames") : "";
    return absl::OutOfRangeError(absl::StrCat("The picture has ", scan.width, " x ", scan.height,
                                              " pixels", all_frames, "; at most ",
                                              limits.max_pixels, " pixels are allowed in all."));
  }
  if (scan.scans > limits.max_jpeg_scans) {
    return absl::OutOfRangeError(absl::StrCat("The picture is stored in ", scan.scans,
                                              " passes; at most ", limits.max_jpeg_scans,
                                              " are allowed."));
  }
  SR_RETURN_IF_ERROR(CheckBytes("colour profile", scan.icc_bytes, limits.max_icc_bytes));
  return CheckBytes("EXIF block", scan.exif_bytes, limits.max_exif_bytes);
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

}  // namespace

absl::StatusOr<SourceImage> SourceImage::Open(std::string_view bytes, const SourceLimits& limits) {
  if (bytes.empty()) return absl::InvalidArgumentError("The file is empty.");
  const MediaKind format = SniffMedia(bytes, limits.svg);
  SR_RETURN_IF_ERROR(CheckReadable(bytes, format));
  // Before any library has seen a byte.
  SR_ASSIGN_OR_RETURN(const HeaderScan scan, ScanHeader(bytes, format));
  SR_RETURN_IF_ERROR(CheckLimits(scan, limits));
  try {
    const VImage header = LoadSource(bytes, format, {});
    const bool animated = format == MediaKind::kGif || format == MediaKind::kWebp;
    const int frames = animated ? std::max(1, IntField(header, VIPS_META_N_PAGES, 1)) : 1;
    SR_RETURN_IF_ERROR(CheckLimits({.width = header.width(),
                                    .height = header.height(),
                                    .frames = frames,
                                    .icc_bytes = BlobSize(header, VIPS_META_ICC_NAME),
                                    .exif_bytes = BlobSize(header, VIPS_META_EXIF_NAME)},
                                   limits));
    SourceImage source(bytes, format);
    source.facts_ = ReadFacts(header, format, frames);
    source.facts_.progressive = scan.progressive;
    source.plain_colours_ = HasPlainColours(header);
    source.copyright_ = ExifText(header, "exif-ifd0-Copyright");
    source.artist_ = ExifText(header, "exif-ifd0-Artist");
    return source;
  } catch (...) {
    return CurrentVipsFailure("Reading the header");
  }
}

absl::StatusOr<Raster> SourceImage::Decode(Size size) const {
  return ReadingPixels(*this, "Decoding the picture", [&](bool strict) {
    const Turn turn = Turn::ToUpright(facts_.orientation);
    if (strict) {
      if (const auto image = LoadInPlanes(*this, turn.Of(size))) {
        return Raster(std::make_shared<const Raster::Data>(
            Raster::Data{WithoutMetadata(Turned(*image, turn).copy_memory(), false)}));
      }
    }
    const double ratio = std::min(static_cast<double>(facts_.width) / size.width,
                                  static_cast<double>(facts_.height) / size.height);
    VImage image =
        LoadSource(bytes_, format_, {.shrink = ShrinkOnLoad(format_, ratio), .strict = strict});
    // Colours and orientation come after the resize: the same result from far fewer pixels.
    image =
        Turned(ToScreenColours(stockroom::imageproc::ResizedTo(image, turn.Of(size)), false), turn);
    image = WithoutMetadata(WithoutIdleAlpha(image.copy_memory()), false);
    return Raster(std::make_shared<const Raster::Data>(Raster::Data{image}));
  });
}

Size Raster::size() const { return {data_->image.width(), data_->image.height()}; }
bool Raster::has_alpha() const { return data_->image.has_alpha(); }

absl::StatusOr<Raster> Raster::ResizedTo(Size size) const {
  try {
    const VImage resized = stockroom::imageproc::ResizedTo(data_->image, size);
    return Raster(std::make_shared<const Data>(Data{resized.copy_memory()}));
  } catch (...) {
    return CurrentVipsFailure("Resizing the picture");
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
