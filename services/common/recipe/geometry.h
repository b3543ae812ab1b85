// How large things become: the arithmetic of a recipe, without pixels.
#pragma once

#include "services/common/recipe/recipe.h"

namespace stockroom {

// The way from the upright original to the result. Trimming needs pixels: who trims plans first
// (`area` is what to trim), then again with WithinArea and the trimmed rectangle's size.
struct Geometry {
  Rect area;     // of the upright original: what is used of it
  Size turned;   // its size after rotate
  Size scaled;   // what `turned` is resized to; its sides' factors differ only for force
  Rect window;   // of `scaled`: what is kept of it
  Size canvas;   // of the result; larger than the window only for pad
  int left = 0;  // of the window on the canvas
  int top = 0;

  friend bool operator==(const Geometry&, const Geometry&) = default;
};

// Covering a narrow picture can mean enlarging its other side without any bound: libvips has no
// larger pictures.
inline constexpr int kMaxScaledSide = 10'000'000;

// `upright` has sides of at least 1; so have all sizes here, and every rectangle lies inside of
// what it is of. Without enlarge no side of `scaled` is longer than that of `turned`. The canvas
// has sides of at most kMaxSide. gravity=smart counts as center.
// INVALID_ARGUMENT (BAD_RECIPE): the crop lies outside of the picture, or cover would need a
// picture of more than kMaxScaledSide.
absl::StatusOr<Geometry> PlanGeometry(Size upright, const Recipe& recipe);

// What `recipe` says about `area` of the upright original alone: without crop and trim, the focus
// in thousandths of the area (at its edge if it lies outside).
Recipe WithinArea(Recipe recipe, Size upright, Rect area);

// The same part of a picture of another size (a rung): rounded to whole pixels, at least one.
Rect AreaOn(Rect area, Size upright, Size other);

// `original` scaled down to fit inside the box (0: that side is free); never larger, never below
// 1 x 1.
Size FitInside(Size original, Size box);

}  // namespace stockroom
