#include "services/imageproc/codec/loaders.h"

#include <algorithm>
#include <string>

#include "services/imageproc/codec/exif.h"

namespace stockroom::imageproc {

using vips::VImage;

namespace {

// The bytes outlive the image (SourceImage's contract), so nothing is copied or freed.
struct BorrowedBlob {
  explicit BorrowedBlob(std::string_view bytes)
      : blob(vips_blob_new(nullptr, bytes.data(), bytes.size())) {}
  ~BorrowedBlob() { vips_area_unref(VIPS_AREA(blob)); }
  VipsBlob* blob;
};

bool IsPlainSrgb(const VImage& image) {
  size_t length = 0;
  const void* data = image.get_blob(VIPS_META_ICC_NAME, &length);
  const std::string name = IccDescription({static_cast<const char*>(data), length});
  // "c2" is the tiny sRGB profile that phones and websites embed.
  return name.find("sRGB") != std::string::npos || name == "c2";
}

bool IsGrey(const VImage& image) {
  return image.interpretation() == VIPS_INTERPRETATION_B_W ||
         image.interpretation() == VIPS_INTERPRETATION_GREY16;
}

VImage ApplyProfile(VImage image) {
  const bool cmyk = image.interpretation() == VIPS_INTERPRETATION_CMYK;
  const bool embedded = image.get_typeof(VIPS_META_ICC_NAME) != 0;
  if (!cmyk && (!embedded || IsPlainSrgb(image))) return image;
  const bool grey = IsGrey(image);
  VImage out = image.icc_transform("srgb", VImage::option()
                                               ->set("embedded", embedded)
                                               ->set("input_profile", cmyk ? "cmyk" : "srgb")
                                               ->set("intent", VIPS_INTENT_RELATIVE));
  if (!grey) return out;
  VImage one = out.extract_band(0);
  if (out.has_alpha()) one = one.bandjoin(out.extract_band(out.bands() - 1));
  return one.copy(VImage::option()->set("interpretation", VIPS_INTERPRETATION_B_W));
}

}  // namespace

VImage LoadSource(std::string_view bytes, MediaKind format, double shrink) {
  const BorrowedBlob borrowed(bytes);
  auto* options = VImage::option()
                      ->set("access", VIPS_ACCESS_SEQUENTIAL)
                      ->set("fail_on", VIPS_FAIL_ON_TRUNCATED);
  switch (format) {
    case MediaKind::kJpeg:
      return VImage::jpegload_buffer(borrowed.blob,
                                     options->set("shrink", static_cast<int>(shrink)));
    case MediaKind::kPng:
      return VImage::pngload_buffer(borrowed.blob, options);
    case MediaKind::kWebp:
      return VImage::webpload_buffer(borrowed.blob, options->set("scale", 1.0 / shrink));
    case MediaKind::kGif:
      return VImage::gifload_buffer(borrowed.blob, options);
    case MediaKind::kTiff:
      return VImage::tiffload_buffer(borrowed.blob, options);
    case MediaKind::kAvif:
      return VImage::heifload_buffer(borrowed.blob, options);
    case MediaKind::kUnknown:
      break;
  }
  throw vips::VError("unknown format");
}

double ShrinkOnLoad(MediaKind format, double ratio) {
  if (format == MediaKind::kJpeg) {
    for (const int shrink : {8, 4, 2}) {
      if (ratio >= shrink) return shrink;
    }
  }
  return 1;
}

VImage ToSrgb(VImage image) {
  VImage out = ApplyProfile(image);
  if (IsGrey(out)) {
    out = out.colourspace(VIPS_INTERPRETATION_B_W);
  } else if (out.interpretation() != VIPS_INTERPRETATION_sRGB ||
             out.format() != VIPS_FORMAT_UCHAR) {
    out = out.colourspace(VIPS_INTERPRETATION_sRGB);
  }
  if (out.format() != VIPS_FORMAT_UCHAR) out = out.cast(VIPS_FORMAT_UCHAR);
  // TIFF may carry more channels than colour and alpha.
  if (out.bands() > 4) out = out.extract_band(0, VImage::option()->set("n", 3));
  return out;
}

}  // namespace stockroom::imageproc
