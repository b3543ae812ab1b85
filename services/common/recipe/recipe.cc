#include "services/common/recipe/recipe.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "services/common/base/digest.h"
#include "services/common/base/strings.h"
#include "services/common/recipe/names.h"

namespace stockroom {
namespace {

constexpr uint32_t kWhite = 0xFFFFFFFF;

// What 0xRRGGBBAA looks like on white paper.
uint32_t OverWhite(uint32_t rgba) {
  const uint32_t alpha = rgba & 0xFF;
  uint32_t opaque = 0xFF;
  for (const int shift : {8, 16, 24}) {
    const uint32_t channel = rgba >> shift & 0xFF;
    opaque |= (channel * alpha + 255 * (255 - alpha) + 127) / 255 << shift;
  }
  return opaque;
}

void NormalizeTurns(Recipe& recipe) {
  if (recipe.flip_h && recipe.flip_v) {
    recipe.flip_h = recipe.flip_v = false;
    recipe.rotate = (recipe.rotate + 180) % 360;
  } else if ((recipe.flip_h || recipe.flip_v) && recipe.rotate >= 180) {
    std::swap(recipe.flip_h, recipe.flip_v);
    recipe.rotate -= 180;
  }
}

void NormalizeMode(Recipe& recipe) {
  const Recipe defaults;
  const bool cover = recipe.mode == Recipe::Mode::kCover;
  if (recipe.mode == Recipe::Mode::kKeep) {
    recipe.width = recipe.height = 0;
    recipe.enlarge = false;
  }
  if (!cover && (recipe.mode != Recipe::Mode::kPad || recipe.gravity == Gravity::kSmart)) {
    recipe.gravity = defaults.gravity;
  }
  if (!cover) recipe.focus.reset();
  if (recipe.focus) recipe.gravity = defaults.gravity;
  // The middle of the whole picture is what cover keeps anyway.
  if (recipe.focus == Focus{} && !recipe.crop && recipe.trim == 0) recipe.focus.reset();
}

void NormalizeBackground(Recipe& recipe) {
  if (!recipe.background) return;
  if (recipe.format == ImageFormat::kJpeg || recipe.mode != Recipe::Mode::kPad) {
    recipe.background = OverWhite(*recipe.background);
    if (recipe.background == kWhite || !MayLackAlpha(recipe.format)) recipe.background.reset();
  } else if ((*recipe.background & 0xFF) == 0) {
    recipe.background.reset();
  }
}

void NormalizeFormat(Recipe& recipe) {
  recipe.lossless &= MayBeLossless(recipe.format);
  recipe.palette &= MayHavePalette(recipe.format);
  recipe.still &= MayMove(recipe.format);
  recipe.keep_copyright &= MayHaveMetadata(recipe.format);
  recipe.wide_color &= MayHaveMetadata(recipe.format);
  if (!HasQuality(recipe)) recipe.quality = Recipe().quality;
}

std::string Tenths(int value) {
  return value % 10 == 0 ? absl::StrCat(value / 10) : absl::StrCat(value / 10, ".", value % 10);
}

std::string GravityText(Gravity gravity) {
  const auto* found = std::find_if(kGravityNames.begin(), kGravityNames.end(),
                                   [gravity](const auto& entry) { return entry.first == gravity; });
  return found == kGravityNames.end() ? "" : std::string(found->second);
}

// Values at the end that are the default are left out, as whole steps are.
std::string MarkText(const MarkStep& mark) {
  const MarkStep defaults;
  std::string text = mark.name;
  const bool has_opacity = mark.opacity_percent != defaults.opacity_percent;
  const bool has_width = has_opacity || mark.width_percent != defaults.width_percent;
  if (has_width || mark.gravity != defaults.gravity) {
    absl::StrAppend(&text, ",", GravityText(mark.gravity));
  }
  if (has_width) absl::StrAppend(&text, ",", mark.width_percent);
  if (has_opacity) absl::StrAppend(&text, ",", mark.opacity_percent);
  return text;
}

class Writer {
 public:
  void Step(std::string_view name, const std::string& value) {
    absl::StrAppend(&text_, text_.empty() ? "" : "/", Av(name), "=", value);
  }
  void Number(std::string_view name, int value, int absent = 0) {
    if (value != absent) Step(name, absl::StrCat(value));
  }
  void Decimal(std::string_view name, int tenths, int absent = 0) {
    if (tenths != absent) Step(name, Tenths(tenths));
  }
  void Flag(std::string_view name, bool value) {
    if (value) Step(name, "1");
  }
  std::string Take() { return std::move(text_); }

 private:
  std::string text_;
};

void WriteGeometry(const Recipe& recipe, Writer& out) {
  if (const auto& crop = recipe.crop) {
    out.Step("crop", absl::StrCat(crop->left, ",", crop->top, ",", crop->width, ",", crop->height));
  }
  out.Number("trim", recipe.trim);
  out.Number("rotate", recipe.rotate);
  if (recipe.flip_h || recipe.flip_v) out.Step("flip", recipe.flip_h ? "h" : "v");
  const std::string box = absl::StrCat(recipe.width, "x", recipe.height);
  switch (recipe.mode) {
    case Recipe::Mode::kKeep:
      break;
    case Recipe::Mode::kFit:
      out.Step("fit", box);
      break;
    case Recipe::Mode::kCover:
      out.Step("cover", box);
      break;
    case Recipe::Mode::kPad:
      out.Step("pad", box);
      break;
    case Recipe::Mode::kForce:
      out.Step("force", box);
      break;
  }
  out.Flag("enlarge", recipe.enlarge);
  if (recipe.gravity != Gravity::kCenter) out.Step("gravity", GravityText(recipe.gravity));
  if (recipe.focus) out.Step("focus", absl::StrCat(recipe.focus->x, ",", recipe.focus->y));
  if (const auto& color = recipe.background) {
    out.Step("bg", (*color & 0xFF) == 0xFF ? absl::StrFormat("%06x", *color >> 8)
                                           : absl::StrFormat("%08x", *color));
  }
}

void WriteLook(const Recipe& recipe, Writer& out) {
  out.Decimal("blur", recipe.blur);
  out.Decimal("sharpen", recipe.sharpen);
  out.Number("brightness", recipe.brightness);
  out.Number("contrast", recipe.contrast);
  out.Number("saturation", recipe.saturation);
  out.Decimal("gamma", recipe.gamma, Recipe().gamma);
  out.Flag("gray", recipe.gray);
  out.Flag("sepia", recipe.sepia);
  out.Flag("negate", recipe.negate);
  if (recipe.tint) out.Step("tint", absl::StrFormat("%06x", *recipe.tint));
  out.Number("pixelate", recipe.pixelate);
  if (recipe.mark) out.Step("mark", MarkText(*recipe.mark));
}

}  // namespace

Recipe Normalized(Recipe recipe) {
  NormalizeTurns(recipe);
  NormalizeMode(recipe);
  NormalizeFormat(recipe);
  NormalizeBackground(recipe);
  return recipe;
}

std::string CanonicalText(const Recipe& recipe) {
  const Recipe normal = Normalized(recipe);
  Writer out;
  WriteGeometry(normal, out);
  WriteLook(normal, out);
  out.Step("format", std::string(FormatName(normal.format)));
  if (HasQuality(normal)) out.Step("q", absl::StrCat(normal.quality));
  out.Flag("lossless", normal.lossless);
  out.Flag("palette", normal.palette);
  out.Flag("still", normal.still);
  if (normal.keep_copyright) out.Step("keep", "copyright");
  if (normal.wide_color) out.Step("color", "p3");
  return out.Take();
}

Recipe Scaled(Recipe recipe, double scale) {
  recipe = Normalized(std::move(recipe));
  const int longest = std::max(recipe.width, recipe.height);
  if (longest == 0 || !(scale > 0)) return recipe;
  const double factor = std::min(scale, static_cast<double>(kMaxSide) / longest);
  for (int* side : {&recipe.width, &recipe.height}) {
    if (*side > 0) *side = std::clamp(static_cast<int>(std::lround(*side * factor)), 1, kMaxSide);
  }
  return recipe;
}

Recipe Resolved(Recipe recipe, const Resolution& resolution) {
  if (recipe.format == ImageFormat::kAuto) recipe.format = resolution.format;
  if (recipe.format == ImageFormat::kAuto) recipe.format = ImageFormat::kJpeg;
  if (recipe.gravity == Gravity::kSmart) {
    recipe.gravity = Gravity::kCenter;
    recipe.focus = {std::clamp(resolution.focus.x, 0, 1000),
                    std::clamp(resolution.focus.y, 0, 1000)};
  }
  return Normalized(std::move(recipe));
}

std::string RenditionKey(const Recipe& resolved) {
  return Digest::Of(CanonicalText(resolved) + "\n" + std::string(kEngineEpoch)).hex().substr(0, 32);
}

bool IsPresetName(std::string_view name) {
  if (name.empty() || name.size() > 32 || name.front() < 'a' || name.front() > 'z') return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

}  // namespace stockroom
