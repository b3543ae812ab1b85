// Values that are worked out of numbers, for filters and facets alike. Pure.
#pragma once

#include <cstdint>
#include <string_view>

#include "services/api/domain/image.h"
#include "services/api/search/query/query.h"

namespace stockroom::api {

// "uploading", ..., "failed"; "" for what is no state.
std::string_view StateName(ImageState state);

constexpr uint8_t OrientationBit(Orientation orientation) {
  return static_cast<uint8_t>(1u << static_cast<unsigned>(orientation));
}
// "landscape", "portrait", "square", "panorama".
std::string_view OrientationName(Orientation orientation);

// By ratio of width to height, in whole numbers: see query.h. A panorama is landscape, too; an
// unknown size (0) is nothing.
inline uint8_t OrientationsOf(int64_t width, int64_t height) {
  if (width <= 0 || height <= 0) return 0;
  if (100 * width < 95 * height) return OrientationBit(Orientation::kPortrait);
  if (100 * width <= 105 * height) return OrientationBit(Orientation::kSquare);
  uint8_t bits = OrientationBit(Orientation::kLandscape);
  if (10 * width >= 19 * height) bits |= OrientationBit(Orientation::kPanorama);
  return bits;
}

}  // namespace stockroom::api
