#include "services/imageproc/codec/planar.h"

#include <cstdint>
#include <vector>

#include "services/imageproc/codec/jpeg_planes.h"
#include "services/imageproc/codec/jpeg_rgb.h"

namespace stockroom::imageproc {

using vips::VImage;

namespace {

// A larger result is streamed through libvips: here it would take 9 bytes of memory a pixel.
constexpr int64_t kMostPixels = 6'000'000;

bool MayServe(const SourceImage& file, Size size) {
  return file.format() == MediaKind::kJpeg && file.has_plain_colours() &&
         int64_t{size.width} * size.height <= kMostPixels;
}

VImage InMemory(const std::vector<uint8_t>& samples, Size size, int bands,
                VipsInterpretation interpretation) {
  // The C++ twin of this call came after 8.14.
  VipsImage* const image = vips_image_new_from_memory_copy(
      samples.data(), samples.size(), size.width, size.height, bands, VIPS_FORMAT_UCHAR);
  if (image == nullptr) throw vips::VError();
  return VImage(image).copy(VImage::option()->set("interpretation", interpretation));
}

}  // namespace

std::optional<VImage> LoadInPlanes(const SourceImage& file, Size size) {
  if (!MayServe(file, size)) return std::nullopt;
  const auto picture = DecodePlanes(file.bytes(), size, ChromaLayout::kFull);
  if (!picture.ok()) return std::nullopt;
  if (picture->planes.size() == 1) {
    return InMemory(picture->planes.front().samples, size, 1, VIPS_INTERPRETATION_B_W);
  }
  return InMemory(ToRgb(*picture), size, 3, VIPS_INTERPRETATION_sRGB);
}

std::optional<std::string> ResizeInPlanes(const SourceImage& file, Size size, int quality) {
  if (!MayServe(file, size)) return std::nullopt;
  auto jpeg = ResizeJpeg(file.bytes(), size, {.quality = quality, .optimize = true});
  if (!jpeg.ok()) return std::nullopt;
  return *std::move(jpeg);
}

}  // namespace stockroom::imageproc
