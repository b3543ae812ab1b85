#include "services/common/recipe/geometry.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/common/base/status.h"

namespace stockroom {
namespace {

// A point of a picture, both from 0 to 1.
struct Point {
  double x = 0.5;
  double y = 0.5;
};

double Factor(int to, int from) { return static_cast<double>(to) / from; }

// At least 1. The result of no factor below is beyond int64.
int64_t Times(int side, double factor) { return std::max<int64_t>(1, std::llround(side * factor)); }

Size TimesAtMost(Size size, double factor, Size limit) {
  return {static_cast<int>(std::min<int64_t>(Times(size.width, factor), limit.width)),
          static_cast<int>(std::min<int64_t>(Times(size.height, factor), limit.height))};
}

bool Quarter(const Recipe& recipe) { return recipe.rotate == 90 || recipe.rotate == 270; }

absl::StatusOr<Rect> CroppedArea(Size upright, const Recipe& recipe) {
  if (!recipe.crop) return Rect{0, 0, upright.width, upright.height};
  Rect area = *recipe.crop;
  if (area.left >= upright.width || area.top >= upright.height) {
    return InvalidArgument(
        "BAD_RECIPE", absl::StrCat("recipe step 'crop=", area.left, ",", area.top, ",", area.width,
                                   ",", area.height, "': expected a rectangle inside of ",
                                   upright.width, " x ", upright.height, " pixels"));
  }
  area.width = std::min(area.width, upright.width - area.left);
  area.height = std::min(area.height, upright.height - area.top);
  return area;
}

double Within(double position, int from, int length) {
  return std::clamp((position - from) / length, 0.0, 1.0);
}

// Where the focus is in `area`.
Point FocusIn(Rect area, Size upright, Focus focus) {
  return {Within(static_cast<double>(upright.width) * focus.x / 1000, area.left, area.width),
          Within(static_cast<double>(upright.height) * focus.y / 1000, area.top, area.height)};
}

// Where a point of the area is after rotate and flip.
Point Turned(Point p, const Recipe& recipe) {
  switch (recipe.rotate) {
    case 90:
      p = {1 - p.y, p.x};
      break;
    case 180:
      p = {1 - p.x, 1 - p.y};
      break;
    case 270:
      p = {p.y, 1 - p.x};
      break;
    default:
      break;
  }
  if (recipe.flip_h) p.x = 1 - p.x;
  if (recipe.flip_v) p.y = 1 - p.y;
  return p;
}

// Where gravity points to: 0, 0.5 or 1 each.
Point Direction(Gravity gravity) {
  switch (gravity) {
    case Gravity::kNorth:
      return {0.5, 0};
    case Gravity::kNorthEast:
      return {1, 0};
    case Gravity::kEast:
      return {1, 0.5};
    case Gravity::kSouthEast:
      return {1, 1};
    case Gravity::kSouth:
      return {0.5, 1};
    case Gravity::kSouthWest:
      return {0, 1};
    case Gravity::kWest:
      return {0, 0.5};
    case Gravity::kNorthWest:
      return {0, 0};
    case Gravity::kCenter:
    case Gravity::kSmart:
      break;
  }
  return {};
}

// The part of `room` that lies before something when `direction` says where that goes.
int Before(int room, double direction) { return static_cast<int>(std::floor(room * direction)); }

// The start of a window of `kept` pixels whose middle is as near to the focus as the edges allow.
int Around(double focus, int scaled, int kept) {
  const double start = std::floor(focus * scaled - kept / 2.0);
  return static_cast<int>(std::clamp(start, 0.0, static_cast<double>(scaled - kept)));
}

// The largest size of turned's ratio inside the box, where 0 is free.
Size Fitted(Size turned, Size box, bool enlarge) {
  double factor = std::min(Factor(kMaxSide, turned.width), Factor(kMaxSide, turned.height));
  if (!enlarge) factor = std::min(factor, 1.0);
  if (box.width > 0) factor = std::min(factor, Factor(box.width, turned.width));
  if (box.height > 0) factor = std::min(factor, Factor(box.height, turned.height));
  return TimesAtMost(
      turned, factor,
      {box.width > 0 ? box.width : kMaxSide, box.height > 0 ? box.height : kMaxSide});
}

// The box, or the largest one of its ratio inside of what there is.
Size Shrunk(Size box, Size turned, bool enlarge) {
  if (enlarge) return box;
  const double factor =
      std::min({1.0, Factor(turned.width, box.width), Factor(turned.height, box.height)});
  return TimesAtMost(box, factor, turned);
}

absl::Status PlanCover(const Recipe& recipe, Point focus, Geometry& plan) {
  const Size turned = plan.turned;
  plan.canvas = Shrunk({recipe.width, recipe.height}, turned, recipe.enlarge);
  const double factor =
      std::max(Factor(plan.canvas.width, turned.width), Factor(plan.canvas.height, turned.height));
  const int64_t width = std::max<int64_t>(Times(turned.width, factor), plan.canvas.width);
  const int64_t height = std::max<int64_t>(Times(turned.height, factor), plan.canvas.height);
  if (std::max(width, height) > std::max({kMaxScaledSide, turned.width, turned.height})) {
    return InvalidArgument(
        "BAD_RECIPE", absl::StrCat("recipe step 'cover=", recipe.width, "x", recipe.height,
                                   "': expected a picture less narrow than ", turned.width, " x ",
                                   turned.height, " pixels"));
  }
  plan.scaled = {static_cast<int>(width), static_cast<int>(height)};
  plan.window = {0, 0, plan.canvas.width, plan.canvas.height};
  if (recipe.focus) {
    plan.window.left = Around(focus.x, plan.scaled.width, plan.canvas.width);
    plan.window.top = Around(focus.y, plan.scaled.height, plan.canvas.height);
  } else {
    const Point to = Direction(recipe.gravity);
    plan.window.left = Before(plan.scaled.width - plan.canvas.width, to.x);
    plan.window.top = Before(plan.scaled.height - plan.canvas.height, to.y);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Geometry> PlanGeometry(Size upright, const Recipe& recipe) {
  Geometry plan;
  SR_ASSIGN_OR_RETURN(plan.area, CroppedArea(upright, recipe));
  plan.turned = {plan.area.width, plan.area.height};
  if (Quarter(recipe)) std::swap(plan.turned.width, plan.turned.height);
  const Size box = {recipe.width, recipe.height};
  switch (recipe.mode) {
    case Recipe::Mode::kCover: {
      const Point focus = recipe.focus ? FocusIn(plan.area, upright, *recipe.focus) : Point();
      SR_RETURN_IF_ERROR(PlanCover(recipe, Turned(focus, recipe), plan));
      return plan;
    }
    case Recipe::Mode::kForce:
      plan.scaled = Shrunk(box, plan.turned, recipe.enlarge);
      break;
    case Recipe::Mode::kKeep:
      plan.scaled = Fitted(plan.turned, {}, false);
      break;
    case Recipe::Mode::kFit:
    case Recipe::Mode::kPad:
      plan.scaled = Fitted(plan.turned, box, recipe.enlarge);
      break;
  }
  plan.window = {0, 0, plan.scaled.width, plan.scaled.height};
  plan.canvas = plan.scaled;
  if (recipe.mode == Recipe::Mode::kPad) {
    plan.canvas = box;
    const Point to = Direction(recipe.gravity);
    plan.left = Before(box.width - plan.scaled.width, to.x);
    plan.top = Before(box.height - plan.scaled.height, to.y);
  }
  return plan;
}

Recipe WithinArea(Recipe recipe, Size upright, Rect area) {
  recipe.crop.reset();
  recipe.trim = 0;
  if (recipe.focus) {
    const Point point = FocusIn(area, upright, *recipe.focus);
    recipe.focus = {static_cast<int>(std::lround(point.x * 1000)),
                    static_cast<int>(std::lround(point.y * 1000))};
  }
  return recipe;
}

Rect AreaOn(Rect area, Size upright, Size other) {
  // A side's start and end are rounded by themselves, so that neighbours stay neighbours.
  const auto map = [](int start, int length, int from, int to, int& out_start, int& out_length) {
    const double factor = Factor(to, from);
    const auto first = static_cast<int>(std::lround(start * factor));
    const auto last = static_cast<int>(std::lround((static_cast<double>(start) + length) * factor));
    out_start = std::min(first, to - 1);
    out_length = std::clamp(last - out_start, 1, to - out_start);
  };
  Rect mapped;
  map(area.left, area.width, upright.width, other.width, mapped.left, mapped.width);
  map(area.top, area.height, upright.height, other.height, mapped.top, mapped.height);
  return mapped;
}

Size FitInside(Size original, Size box) {
  double scale = 1;
  if (box.width > 0) scale = std::min(scale, Factor(box.width, original.width));
  if (box.height > 0) scale = std::min(scale, Factor(box.height, original.height));
  return TimesAtMost(original, scale, original);
}

}  // namespace stockroom
