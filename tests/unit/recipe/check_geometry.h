// What must hold of every plan.
#pragma once

#include <string>

#include "services/common/recipe/geometry.h"

namespace stockroom::test {

// Empty, or what is wrong with the plan.
inline std::string FaultOf(const Geometry& plan, Size upright, const Recipe& recipe) {
  const auto inside = [](Rect rect, Size size) {
    return rect.left >= 0 && rect.top >= 0 && rect.width >= 1 && rect.height >= 1 &&
           rect.width <= size.width - rect.left && rect.height <= size.height - rect.top;
  };
  if (!inside(plan.area, upright)) return "the area lies outside of the picture";
  Size turned = {plan.area.width, plan.area.height};
  if (recipe.rotate % 180 != 0) turned = {turned.height, turned.width};
  if (plan.turned != turned) return "turned is not the turned area";
  if (!inside(plan.window, plan.scaled)) return "the window lies outside of the scaled picture";
  if (plan.canvas.width > kMaxSide || plan.canvas.height > kMaxSide) return "a canvas too large";
  if (!inside({plan.left, plan.top, plan.window.width, plan.window.height}, plan.canvas)) {
    return "the window lies outside of the canvas";
  }
  const bool enlarged = plan.scaled.width > turned.width || plan.scaled.height > turned.height;
  if (enlarged && !recipe.enlarge) return "larger than it is";
  if (recipe.mode == Recipe::Mode::kPad) {
    if (plan.canvas != Size{recipe.width, recipe.height}) return "the canvas is not the box";
  } else if (plan.canvas != Size{plan.window.width, plan.window.height}) {
    return "the window does not fill the canvas";
  }
  if (recipe.mode == Recipe::Mode::kKeep) return "";
  if ((recipe.width > 0 && plan.canvas.width > recipe.width) ||
      (recipe.height > 0 && plan.canvas.height > recipe.height)) {
    return "larger than the box";
  }
  return "";
}

}  // namespace stockroom::test
