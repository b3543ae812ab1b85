#include "services/imageproc/codec/render.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include "services/common/base/status.h"
#include "services/imageproc/codec/compose.h"
#include "services/imageproc/codec/encode.h"
#include "services/imageproc/codec/look.h"
#include "services/imageproc/codec/planar.h"
#include "services/imageproc/codec/raster.h"
#include "services/imageproc/codec/resize.h"

namespace stockroom::imageproc {

using vips::VImage;

namespace {

// Trimming looks at pixels as they are, but not at more than this: a larger picture's border is
// found on a smaller decode.
constexpr int64_t kMaxTrimPixels = 25'000'000;

int64_t Area(Size size) { return int64_t{size.width} * size.height; }

bool ShowsAnimation(const SourceFacts& facts, const Recipe& recipe) {
  return facts.frames > 1 && !recipe.still &&
         (recipe.format == ImageFormat::kWebp || recipe.format == ImageFormat::kGif);
}

bool IsWithinLimits(const SourceFacts& facts, Size canvas) {
  return facts.frames <= kMaxAnimationFrames && Area(canvas) <= kMaxAnimationPixels / facts.frames;
}

// How much smaller than in the file the picture becomes.
double ShrinkRatio(const RenderSource& source, const Geometry& plan) {
  const Rect area = AreaOn(plan.area, source.original, source.file.size());
  const bool sideways = plan.turned.width != plan.area.width;
  const Size scaled = sideways ? Size{plan.scaled.height, plan.scaled.width} : plan.scaled;
  const double ratio = std::min(static_cast<double>(area.width) / scaled.width,
                                static_cast<double>(area.height) / scaled.height);
  // A part's edges fall between the pixels of a shrunk decode: they are kept finer than needed.
  const bool whole = area == Rect{0, 0, source.file.size().width, source.file.size().height};
  return whole ? ratio : ratio / 2;
}

View Load(const RenderSource& source, const LoadOptions& options) {
  return {LoadSource(source.file.bytes(), source.file.format(), options),
          Turn::ToUpright(source.file.facts().orientation), source.original};
}

// The file's size if the result is the same picture in the same format, so that somebody could ask
// why it became larger; 0 otherwise.
size_t SizeToBeat(const RenderSource& source, const Geometry& plan, const Recipe& recipe) {
  const SourceFacts& facts = source.file.facts();
  const bool same = facts.format == FormatName(recipe.format) && plan.canvas == source.original &&
                    source.original == source.file.size() &&
                    (facts.frames == 1 || ShowsAnimation(facts, recipe));
  return same && !HasLook(recipe) && !recipe.mark ? source.file.bytes().size() : 0;
}

// `compose` makes the picture; it is called again, from the beginning, if what came of it has to
// become smaller.
template <typename Compose>
Rendered Written(const RenderSource& source, const Geometry& plan, const Recipe& recipe,
                 Compose compose) {
  KeptMetadata kept;
  if (recipe.keep_copyright) kept = {source.file.copyright(), source.file.artist()};
  const auto picture = [&] { return WithoutMetadata(compose(), recipe.wide_color); };
  std::string bytes = EncodePicture(picture(), recipe, kept);
  const size_t limit = SizeToBeat(source, plan, recipe);
  if (limit > 0 && bytes.size() > limit) {
    bytes = EncodeBelow(picture().copy_memory(), recipe, kept, std::move(bytes), limit);
  }
  return {std::move(bytes), plan.canvas};
}

// The geometry of a recipe that trims: the border is looked for in `view`, in memory.
absl::StatusOr<Geometry> PlanTrimmed(const View& view, const Recipe& recipe) {
  SR_ASSIGN_OR_RETURN(const Geometry outer, PlanGeometry(view.original, recipe));
  const Rect area = Trimmed(view, outer.area, recipe.trim);
  SR_ASSIGN_OR_RETURN(Geometry plan, PlanGeometry({area.width, area.height},
                                                  WithinArea(recipe, view.original, area)));
  plan.area.left += area.left;
  plan.area.top += area.top;
  return plan;
}

absl::StatusOr<Rendered> RenderTrimmed(const RenderSource& source, const Recipe& recipe,
                                       bool strict) {
  const double ratio =
      std::sqrt(static_cast<double>(Area(source.file.size())) / kMaxTrimPixels) * 2;
  View view = Load(source, {.shrink = ShrinkOnLoad(source.file.format(), ratio), .strict = strict});
  view.image = view.image.copy_memory();
  SR_ASSIGN_OR_RETURN(const Geometry plan, PlanTrimmed(view, recipe));
  return Written(source, plan, recipe, [&] { return Compose(view, plan, recipe, source.marks); });
}

// Every frame by itself, one below the other.
VImage ComposeFrames(const RenderSource& source, const Geometry& plan, const Recipe& recipe,
                     bool strict) {
  const View all = Load(source, {.all_frames = true, .strict = strict});
  const int height = all.image.get_int("page-height");
  std::vector<VImage> frames;
  for (int top = 0; top + height <= all.image.height(); top += height) {
    const VImage frame = all.image.extract_area(0, top, all.image.width(), height);
    // In memory at once: the file is read forwards only.
    frames.push_back(
        Compose({frame, all.turn, all.original}, plan, recipe, source.marks).copy_memory());
  }
  // Joined, they must agree about alpha.
  const bool alpha = std::any_of(frames.begin(), frames.end(),
                                 [](const VImage& frame) { return frame.has_alpha(); });
  for (VImage& frame : frames) {
    if (alpha && !frame.has_alpha()) frame = frame.bandjoin_const({255});
  }
  VImage joined = VImage::arrayjoin(frames, VImage::option()->set("across", 1)).copy();
  joined.set("page-height", plan.canvas.height);
  if (all.image.get_typeof("delay") != 0) joined.set("delay", all.image.get_array_int("delay"));
  if (all.image.get_typeof("loop") != 0) joined.set("loop", all.image.get_int("loop"));
  return joined;
}

// The whole of the file at the size that `plan` scales it to, as it lies; nullopt: a part of it.
std::optional<Size> WholeSize(const RenderSource& source, const Geometry& plan, Turn turn) {
  if (plan.area != Rect{0, 0, source.original.width, source.original.height}) return std::nullopt;
  return turn.Of(plan.scaled);
}

Turn TurnOf(const RenderSource& source, const Recipe& recipe) {
  return Turn::ToUpright(source.file.facts().orientation)
      .Then(recipe.rotate, recipe.flip_h, recipe.flip_v);
}

// A resize of a JPEG into a JPEG and nothing else needs no pixels.
std::optional<Rendered> WrittenInPlanes(const RenderSource& source, const Geometry& plan,
                                        const Recipe& recipe) {
  const bool only_resized = plan.window == Rect{0, 0, plan.scaled.width, plan.scaled.height} &&
                            plan.canvas == plan.scaled && !HasLook(recipe) && !recipe.mark;
  const bool kept =
      recipe.keep_copyright && !(source.file.copyright().empty() && source.file.artist().empty());
  const Turn turn = TurnOf(source, recipe);
  const auto size = WholeSize(source, plan, turn);
  if (recipe.format != ImageFormat::kJpeg || !only_resized || kept || !turn.is_nothing() || !size ||
      SizeToBeat(source, plan, recipe) > 0) {
    return std::nullopt;
  }
  auto jpeg = ResizeInPlanes(source.file, *size, recipe.quality);
  if (!jpeg) return std::nullopt;
  return Rendered{*std::move(jpeg), plan.canvas};
}

// As small as it serves.
View LoadFor(const RenderSource& source, const Geometry& plan, const Recipe& recipe, bool strict) {
  if (const auto size = WholeSize(source, plan, TurnOf(source, recipe)); size && strict) {
    if (const auto image = LoadInPlanes(source.file, *size)) {
      return {*image, Turn::ToUpright(source.file.facts().orientation), source.original};
    }
  }
  const double shrink = ShrinkOnLoad(source.file.format(), ShrinkRatio(source, plan));
  return Load(source, {.shrink = shrink, .strict = strict});
}

absl::StatusOr<Rendered> Render(const RenderSource& source, const Recipe& recipe, bool strict) {
  if (recipe.trim != 0) return RenderTrimmed(source, recipe, strict);
  SR_ASSIGN_OR_RETURN(const Geometry plan, PlanGeometry(source.original, recipe));
  if (ShowsAnimation(source.file.facts(), recipe) &&
      IsWithinLimits(source.file.facts(), plan.canvas)) {
    return Written(source, plan, recipe,
                   [&] { return ComposeFrames(source, plan, recipe, strict); });
  }
  if (strict) {
    if (auto jpeg = WrittenInPlanes(source, plan, recipe)) return *std::move(jpeg);
  }
  return Written(source, plan, recipe, [&] {
    return Compose(LoadFor(source, plan, recipe, strict), plan, recipe, source.marks);
  });
}

}  // namespace

bool NeedsFile(const SourceFacts& facts, const Recipe& recipe) {
  return recipe.trim != 0 || recipe.wide_color || ShowsAnimation(facts, recipe);
}

absl::StatusOr<Rendered> RenderRecipe(const RenderSource& source, const Recipe& recipe) {
  auto rendered = ReadingPixels(source.file, "Making the rendition",
                                [&](bool strict) { return Render(source, recipe, strict); });
  if (!rendered.ok()) return rendered.status();
  return *std::move(rendered);
}

absl::StatusOr<Rendered> RenderRecipe(const RenderSource& source, const Raster& raster,
                                      const Recipe& recipe) {
  SR_ASSIGN_OR_RETURN(const Geometry plan, PlanGeometry(source.original, recipe));
  try {
    const View view{raster.data().image, {}, source.original};
    return Written(source, plan, recipe, [&] { return Compose(view, plan, recipe, source.marks); });
  } catch (...) {
    return CurrentVipsFailure("Making a rendition");
  }
}

}  // namespace stockroom::imageproc
