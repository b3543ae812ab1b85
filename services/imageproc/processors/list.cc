#include "services/imageproc/processors/builtin.h"

namespace stockroom::imageproc {

std::span<const Processor> Processors() {
  static constexpr Processor kProcessors[] = {
      {"facts", DescribeFacts},
      {"thumbhash", MakeThumbHash},
      {"blurhash", MakeBlurHash},
      {"palette", FindPalette},
      {"pdq", MakePdq},
      {"sharpness", MeasureSharpness},
      {"smart_crop", FindSmartCrop},
  };
  return kProcessors;
}

}  // namespace stockroom::imageproc
