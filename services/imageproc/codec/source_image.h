// An original (or a rung of one): its facts from the header, and its pixels.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "services/common/media/sniff.h"
#include "services/common/recipe/geometry.h"
#include "services/imageproc/core/picture.h"

namespace stockroom::imageproc {

struct SourceLimits {
  int64_t max_pixels = 100'000'000;  // all frames together
  int max_side = 65'500;
  int64_t max_icc_bytes = 4 << 20;
  int64_t max_exif_bytes = 1 << 20;
  // Encoders make about ten; each one more is another pass over all pixels.
  int max_jpeg_scans = 100;
  SvgPolicy svg = SvgPolicy::kRefused;
};

// 8-bit pixels of a whole picture in memory, upright, sRGB or grey, with alpha only where it hides
// something. Cheap to copy (shares the pixels).
class Raster {
 public:
  struct Data;  // libvips' picture
  explicit Raster(std::shared_ptr<const Data> data) : data_(std::move(data)) {}

  Size size() const;
  bool has_alpha() const;
  const Data& data() const { return *data_; }

  // Exactly `size`. INVALID_ARGUMENT or OUT_OF_RANGE as everywhere in this folder.
  absl::StatusOr<Raster> ResizedTo(Size size) const;

  absl::StatusOr<Pixels> ToPixels() const;

 private:
  std::shared_ptr<const Data> data_;
};

// Not thread-safe. Errors: INVALID_ARGUMENT (not an image, damaged, cut short, a format that is not
// read), OUT_OF_RANGE (too many pixels, too much metadata, too little memory); messages are for
// people. Requires InitVips.
class SourceImage {
 public:
  // Reads the header only. `bytes` must outlive the object and must not change.
  static absl::StatusOr<SourceImage> Open(std::string_view bytes, const SourceLimits& limits);

  const SourceFacts& facts() const { return facts_; }
  Size size() const { return {facts_.width, facts_.height}; }
  std::string_view bytes() const { return bytes_; }
  MediaKind format() const { return format_; }
  // Neither a colour profile that is not plain sRGB's, nor colours that need one.
  bool has_plain_colours() const { return plain_colours_; }
  // EXIF texts; empty if there are none.
  const std::string& copyright() const { return copyright_; }
  const std::string& artist() const { return artist_; }

  // The first frame as `size` (upright, at most size()), decoded at the smallest scale that the
  // format offers for it.
  absl::StatusOr<Raster> Decode(Size size) const;

 private:
  SourceImage(std::string_view bytes, MediaKind format) : bytes_(bytes), format_(format) {}

  std::string_view bytes_;
  MediaKind format_;
  SourceFacts facts_;
  bool plain_colours_ = false;
  std::string copyright_;
  std::string artist_;
};

}  // namespace stockroom::imageproc
