#include "services/imageproc/codec/turn.h"

#include <utility>

namespace stockroom::imageproc {

Turn Turn::ToUpright(int exif_orientation) {
  switch (exif_orientation) {
    case 2:
      return {0, true};
    case 3:
      return {2, false};
    case 4:
      return {2, true};
    case 5:
      return {3, true};
    case 6:
      return {1, false};
    case 7:
      return {1, true};
    case 8:
      return {3, false};
    default:
      return {};
  }
}

Turn Turn::Then(int degrees, bool flip_h, bool flip_v) const {
  Turn turn{(quarters + degrees / 90) % 4, mirrored};
  // Mirroring after a turn is mirroring before a turn the other way round.
  if (flip_h) turn = {(4 - turn.quarters) % 4, !turn.mirrored};
  if (flip_v) turn = {(6 - turn.quarters) % 4, !turn.mirrored};
  return turn;
}

Size Turn::Of(Size size) const {
  if (swaps_sides()) std::swap(size.width, size.height);
  return size;
}

Rect Turn::Before(Rect rect, Size turned) const {
  for (int i = 0; i < quarters; ++i) {
    rect = {.left = rect.top,
            .top = turned.width - rect.left - rect.width,
            .width = rect.height,
            .height = rect.width};
    std::swap(turned.width, turned.height);
  }
  if (mirrored) rect.left = turned.width - rect.left - rect.width;
  return rect;
}

}  // namespace stockroom::imageproc
