// Planes to pixels.
#pragma once

#include <cstdint>
#include <vector>

#include "services/imageproc/codec/jpeg_planes.h"

namespace stockroom::imageproc {

// Red, green, blue of each pixel (JFIF's conversion), row by row. Requires three planes of kFull.
// `plain`: without the processor's vector instructions; the result is the same to the bit.
std::vector<uint8_t> ToRgb(const PlanarPicture& picture, bool plain = false);

}  // namespace stockroom::imageproc
