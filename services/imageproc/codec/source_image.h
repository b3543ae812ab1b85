// An original: its facts from the header, and its pixels from one decode.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "services/common/media/sniff.h"
#include "services/common/recipe/recipe.h"
#include "services/imageproc/core/picture.h"

namespace stockroom::imageproc {

struct SourceLimits {
  int64_t max_pixels = 100'000'000;  // all frames together
  int max_side = 65'500;
  size_t max_icc_bytes = 4 << 20;
  size_t max_exif_bytes = 1 << 20;
};

struct Size {
  int width = 0;
  int height = 0;

  friend bool operator==(const Size&, const Size&) = default;
};

// `original` scaled down to fit inside the recipe's box; never larger, never below 1 x 1.
Size FitInside(Size original, const Recipe& recipe);

// 8-bit pixels in memory, upright, sRGB or grey, with alpha only where it hides something. Cheap to
// copy (shares the pixels).
class Raster {
 public:
  Size size() const;
  bool has_alpha() const;

  // Exactly `size`. INVALID_ARGUMENT or OUT_OF_RANGE as everywhere in this folder.
  absl::StatusOr<Raster> ResizedTo(Size size) const;

  // Without any metadata. Transparent parts become white where the format has no alpha. `format` is
  // not kAuto.
  absl::StatusOr<std::string> Encode(ImageFormat format, int quality) const;

  absl::StatusOr<Pixels> ToPixels() const;

 private:
  friend class SourceImage;
  struct Data;
  explicit Raster(std::shared_ptr<const Data> data) : data_(std::move(data)) {}
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

  // The first frame as `size` (upright, at most size()), decoded at the smallest scale that the
  // format offers for it.
  absl::StatusOr<Raster> Decode(Size size) const;

 private:
  SourceImage(std::string_view bytes, MediaKind format) : bytes_(bytes), format_(format) {}

  std::string_view bytes_;
  MediaKind format_;
  SourceFacts facts_;
};

}  // namespace stockroom::imageproc
