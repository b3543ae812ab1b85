// The brightness of a picture's pixels, for processors that look at edges. Private to this folder.
#pragma once

#include <vector>

#include "services/imageproc/core/picture.h"

namespace stockroom::imageproc {

// Rec. 601 luma of what is seen on white paper, 0 to 255, row by row.
std::vector<float> Luminance(const Pixels& pixels);

// One channel of straight alpha as it looks on white paper.
inline int OverWhite(int channel, int alpha) {
  if (alpha == 255) return channel;
  return (channel * alpha + 255 * (255 - alpha) + 127) / 255;
}

}  // namespace stockroom::imageproc
