// The eight ways a rectangular picture can lie.
#pragma once

#include "services/common/recipe/recipe.h"

namespace stockroom::imageproc {

// Left and right change places (`mirrored`), then `quarters` turns of 90 degrees clockwise.
struct Turn {
  int quarters = 0;  // 0 to 3
  bool mirrored = false;

  // What makes a picture upright that EXIF says lies like this (1 to 8).
  static Turn ToUpright(int exif_orientation);

  // This one, then a recipe's rotate (degrees), then its flips.
  Turn Then(int degrees, bool flip_h, bool flip_v) const;

  bool swaps_sides() const { return quarters % 2 == 1; }
  bool is_nothing() const { return quarters == 0 && !mirrored; }

  // The size after (and before: it is the same) turning.
  Size Of(Size size) const;
  // Where a rectangle of the turned picture, which is of size `turned`, lies before turning.
  Rect Before(Rect rect, Size turned) const;

  friend bool operator==(const Turn&, const Turn&) = default;
};

}  // namespace stockroom::imageproc
