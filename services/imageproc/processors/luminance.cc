#include "services/imageproc/processors/luminance.h"

namespace stockroom::imageproc {

std::vector<float> Luminance(const Pixels& pixels) {
  std::vector<float> luminance(pixels.rgba.size() / 4);
  for (size_t i = 0; i < luminance.size(); ++i) {
    const uint8_t* rgba = &pixels.rgba[i * 4];
    const int alpha = rgba[3];
    luminance[i] = 0.299F * static_cast<float>(OverWhite(rgba[0], alpha)) +
                   0.587F * static_cast<float>(OverWhite(rgba[1], alpha)) +
                   0.114F * static_cast<float>(OverWhite(rgba[2], alpha));
  }
  return luminance;
}

}  // namespace stockroom::imageproc
