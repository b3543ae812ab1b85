#include "bench/engine/plain_vips.h"

#include <vips/vips8>

namespace stockroom::bench {

using vips::VImage;

bool StartVips(const char* program) {
  if (VIPS_INIT(program) != 0) return false;
  vips_concurrency_set(1);
  vips_cache_set_max(0);
  return true;
}

std::string VipsVersion() { return vips_version_string(); }

std::string FitWithVips(std::string_view jpeg, int width, int quality) {
  VipsBlob* source = vips_blob_new(nullptr, jpeg.data(), jpeg.size());
  const auto load = [&](int shrink) {
    return VImage::jpegload_buffer(
        source, VImage::option()->set("access", VIPS_ACCESS_SEQUENTIAL)->set("shrink", shrink));
  };
  VImage image = load(1);
  const double ratio = static_cast<double>(image.width()) / width;
  const int shrink = ratio >= 8 ? 8 : ratio >= 4 ? 4 : ratio >= 2 ? 2 : 1;
  if (shrink > 1) image = load(shrink);
  vips_area_unref(VIPS_AREA(source));
  if (image.width() != width) image = image.resize(static_cast<double>(width) / image.width());
  VipsBlob* made = image.jpegsave_buffer(VImage::option()
                                             ->set("Q", quality)
                                             ->set("optimize_coding", true)
                                             ->set("subsample_mode", VIPS_FOREIGN_SUBSAMPLE_ON)
                                             ->set("strip", true));
  size_t size = 0;
  const void* data = vips_blob_get(made, &size);
  std::string bytes(static_cast<const char*>(data), size);
  vips_area_unref(VIPS_AREA(made));
  return bytes;
}

}  // namespace stockroom::bench
