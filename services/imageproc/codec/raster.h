// What a Raster is made of, and how a source's pixels are read. Only for the .cc files of this
// folder: it shows libvips' types.
#pragma once

#include <string>
#include <utility>
#include <vips/vips8>

#include "services/imageproc/codec/loaders.h"
#include "services/imageproc/codec/source_image.h"
#include "services/imageproc/codec/vips_library.h"

namespace stockroom::imageproc {

struct Raster::Data {
  vips::VImage image;
};

// Calls `work(strict)` and makes a Status of what it throws. A JPEG whose strict decoding failed
// for something harmless is read once more, not strictly: `work` begins from the file each time.
template <typename Work>
auto ReadingPixels(const SourceImage& source, const std::string& doing, Work work)
    -> absl::StatusOr<decltype(work(true))> {
  const bool jpeg = source.format() == MediaKind::kJpeg;
  vips_error_clear();
  for (const bool strict : {true, false}) {
    try {
      auto result = work(strict);
      // libvips asks for warnings before each strip of rows, so never after the last one.
      if (jpeg && JudgeWarning(vips_error_buffer()) == JpegWarning::kDamage) {
        throw vips::VError("");
      }
      return result;
    } catch (...) {
      const bool again =
          strict && jpeg && JudgeWarning(vips_error_buffer()) == JpegWarning::kHarmless;
      if (!again) return CurrentVipsFailure(doing);
    }
    vips_error_clear();
  }
  return absl::InternalError("a picture is read at most twice");
}

}  // namespace stockroom::imageproc
