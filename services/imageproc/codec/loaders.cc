#include "services/imageproc/codec/loaders.h"

#include <algorithm>
#include <charconv>
#include <string>

#include "services/imageproc/codec/icc.h"

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

std::string_view Profile(const VImage& image) {
  if (image.get_typeof(VIPS_META_ICC_NAME) != VIPS_TYPE_BLOB) return {};
  size_t length = 0;
  const void* data = image.get_blob(VIPS_META_ICC_NAME, &length);
  return {static_cast<const char*>(data), length};
}

bool IsGrey(const VImage& image) {
  return image.interpretation() == VIPS_INTERPRETATION_B_W ||
         image.interpretation() == VIPS_INTERPRETATION_GREY16;
}

VImage ApplyProfile(VImage image, bool wide) {
  const bool cmyk = image.interpretation() == VIPS_INTERPRETATION_CMYK;
  const std::string_view profile = Profile(image);
  if (!cmyk && (profile.empty() || IsSrgbProfile(profile))) return image;
  const bool grey = IsGrey(image);
  const char* target = wide && HasWideGamut(profile) ? "p3" : "srgb";
  VImage out = image.icc_transform(target, VImage::option()
                                               ->set("embedded", !profile.empty())
                                               ->set("input_profile", cmyk ? "cmyk" : "srgb")
                                               ->set("intent", VIPS_INTENT_RELATIVE));
  if (!grey) return out;
  VImage one = out.extract_band(0);
  if (out.has_alpha()) one = one.bandjoin(out.extract_band(out.bands() - 1));
  return one.copy(VImage::option()->set("interpretation", VIPS_INTERPRETATION_B_W));
}

}  // namespace

VImage LoadSource(std::string_view bytes, MediaKind format, const LoadOptions& load) {
  const BorrowedBlob borrowed(bytes);
  const bool jpeg = format == MediaKind::kJpeg;
  auto* options = VImage::option()->set("access", VIPS_ACCESS_SEQUENTIAL);
  // libjpeg tells of damage by warnings only; other libraries warn of odd metadata.
  options->set("fail_on", !jpeg         ? VIPS_FAIL_ON_ERROR
                          : load.strict ? VIPS_FAIL_ON_WARNING
                                        : VIPS_FAIL_ON_TRUNCATED);
  const int frames = load.all_frames ? -1 : 1;
  switch (format) {
    case MediaKind::kJpeg:
      return VImage::jpegload_buffer(borrowed.blob,
                                     options->set("shrink", static_cast<int>(load.shrink)));
    case MediaKind::kPng:
      return VImage::pngload_buffer(borrowed.blob, options);
    case MediaKind::kWebp:
      return VImage::webpload_buffer(borrowed.blob,
                                     options->set("scale", 1.0 / load.shrink)->set("n", frames));
    case MediaKind::kGif:
      return VImage::gifload_buffer(borrowed.blob, options->set("n", frames));
    case MediaKind::kTiff:
      return VImage::tiffload_buffer(borrowed.blob, options);
    case MediaKind::kAvif:
    case MediaKind::kHeic:
      return VImage::heifload_buffer(borrowed.blob, options);
    case MediaKind::kJxl:
      return VImage::jxlload_buffer(borrowed.blob, options);
    case MediaKind::kSvg:
      return VImage::svgload_buffer(borrowed.blob, options->set("scale", 1.0 / load.shrink));
    case MediaKind::kUnknown:
      break;
  }
  delete options;
  throw vips::VError("unknown format");
}

double ShrinkOnLoad(MediaKind format, double ratio) {
  switch (format) {
    case MediaKind::kJpeg:
      for (const int shrink : {8, 4, 2}) {
        if (ratio >= shrink) return shrink;
      }
      return 1;
    case MediaKind::kWebp:
      return std::max(1.0, ratio / 2);
    case MediaKind::kSvg:
      return std::max(1.0, ratio);
    default:
      return 1;
  }
}

JpegWarning JudgeWarning(std::string_view error) {
  // libjpeg's texts. Some cameras fill up the end of the picture; more than this is picture.
  constexpr int kPadding = 64;
  constexpr std::string_view kExtraneous = " extraneous bytes before marker 0x";
  if (const size_t at = error.find(kExtraneous); at != std::string_view::npos) {
    const size_t digits = error.find_last_not_of("0123456789", at - 1) + 1;
    int count = 0;
    std::from_chars(error.data() + digits, error.data() + at, count);
    const bool restart = error.substr(at + kExtraneous.size()).starts_with("d") &&
                         !error.substr(at + kExtraneous.size()).starts_with("d9");
    return count > 0 && count <= kPadding && !restart ? JpegWarning::kHarmless
                                                      : JpegWarning::kDamage;
  }
  for (const std::string_view harmless :
       {"unknown JFIF revision", "Unknown Adobe color transform",
        "Invalid SOS parameters for sequential", "bad ICC marker"}) {
    if (error.find(harmless) != std::string_view::npos) return JpegWarning::kHarmless;
  }
  for (const std::string_view damage :
       {"Corrupt JPEG data", "Premature end of JPEG", "Inconsistent progression sequence"}) {
    if (error.find(damage) != std::string_view::npos) return JpegWarning::kDamage;
  }
  return JpegWarning::kNone;
}

VImage ToScreenColours(VImage image, bool wide) {
  VImage out = ApplyProfile(image, wide);
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
