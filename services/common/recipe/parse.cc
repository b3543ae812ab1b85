#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <map>
#include <vector>

#include "absl/strings/str_split.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"
#include "services/common/recipe/names.h"
#include "services/common/recipe/recipe.h"

namespace stockroom {
namespace {

constexpr int kMaxCoordinate = 10'000'000;  // libvips has no larger pictures
constexpr size_t kMaxQuoted = 64;           // of a faulty step, in the error's message

struct Draft {
  Recipe recipe;
  int dpr = 100;  // hundredths
  // Every step that says something, by name; as it was written.
  std::map<std::string_view, std::string_view> steps;
};

absl::Status BadStep(std::string_view step, std::string_view expected) {
  std::string quoted(step.substr(0, kMaxQuoted));
  for (char& c : quoted) {
    if (c < ' ' || c > '~') c = '?';
  }
  if (step.size() > kMaxQuoted) quoted += "...";
  return InvalidArgument("BAD_RECIPE",
                         "recipe step '" + quoted + "': expected " + std::string(expected));
}

// Digits only, without leading zeros; a minus sign where `min` is below 0, but no "-0".
bool ParseNumber(std::string_view text, int min, int max, int& out) {
  std::string_view digits = text;
  const bool negative = min < 0 && text.starts_with('-');
  if (negative) digits.remove_prefix(1);
  if (digits.empty() || digits.front() < '0' || digits.front() > '9') return false;
  if (digits.front() == '0' && (digits.size() > 1 || negative)) return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size() && out >= min && out <= max;
}

// A number with up to `decimals` decimals, in units of the last one; as are the bounds.
bool ParseDecimal(std::string_view text, size_t decimals, int min, int max, int& out) {
  const size_t dot = text.find('.');
  std::string digits(text.substr(0, dot));
  const std::string_view fraction =
      dot == std::string_view::npos ? std::string_view() : text.substr(dot + 1);
  if (dot != std::string_view::npos && fraction.empty()) return false;
  if (fraction.size() > decimals) return false;
  if (digits.empty() || (digits.size() > 1 && digits.front() == '0')) return false;
  digits.append(fraction).append(decimals - fraction.size(), '0');
  digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size() - 1));
  return ParseNumber(digits, min, max, out);
}

std::vector<std::string_view> Split(std::string_view text, char by) {
  std::vector<std::string_view> parts;
  for (const absl::string_view part : absl::StrSplit(Av(text), by)) parts.push_back(Sv(part));
  return parts;
}

bool ParseHex(std::string_view text, size_t digits, uint32_t& out) {
  if (text.size() != digits) return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out, 16);
  return error == std::errc() && end == text.data() + text.size();
}

bool ParseGravity(std::string_view text, Gravity& out) {
  for (const auto& [gravity, name] : kGravityNames) {
    if (name != text) continue;
    out = gravity;
    return true;
  }
  return false;
}

bool ParseFlag(std::string_view text, bool& out) {
  out = text == "1";
  return out || text == "0";
}

bool ParseBox(std::string_view value, Recipe::Mode mode, Recipe& recipe) {
  const size_t x = value.find('x');
  if (x == std::string_view::npos) return false;
  recipe.mode = mode;
  const int min = mode == Recipe::Mode::kFit ? 0 : 1;
  return ParseNumber(value.substr(0, x), min, kMaxSide, recipe.width) &&
         ParseNumber(value.substr(x + 1), min, kMaxSide, recipe.height) &&
         (recipe.width != 0 || recipe.height != 0);
}

bool ParseCrop(std::string_view value, Draft& draft) {
  const auto parts = Split(value, ',');
  Rect& crop = draft.recipe.crop.emplace();
  return parts.size() == 4 && ParseNumber(parts[0], 0, kMaxCoordinate, crop.left) &&
         ParseNumber(parts[1], 0, kMaxCoordinate, crop.top) &&
         ParseNumber(parts[2], 1, kMaxCoordinate, crop.width) &&
         ParseNumber(parts[3], 1, kMaxCoordinate, crop.height);
}

bool ParseRotate(std::string_view value, Draft& draft) {
  int& rotate = draft.recipe.rotate;
  return ParseNumber(value, 0, 270, rotate) && rotate % 90 == 0;
}

bool ParseFlip(std::string_view value, Draft& draft) {
  draft.recipe.flip_h = value.starts_with('h');
  draft.recipe.flip_v = value.ends_with('v');
  return value == "h" || value == "v" || value == "hv";
}

bool ParseFocus(std::string_view value, Draft& draft) {
  const auto parts = Split(value, ',');
  Focus& focus = draft.recipe.focus.emplace();
  return parts.size() == 2 && ParseNumber(parts[0], 0, 1000, focus.x) &&
         ParseNumber(parts[1], 0, 1000, focus.y);
}

bool ParseBackground(std::string_view value, Draft& draft) {
  uint32_t& color = draft.recipe.background.emplace();
  if (value.size() == 8) return ParseHex(value, 8, color);
  if (!ParseHex(value, 6, color)) return false;
  color = color << 8 | 0xFF;
  return true;
}

bool ParseMark(std::string_view value, Draft& draft) {
  const auto parts = Split(value, ',');
  MarkStep& mark = draft.recipe.mark.emplace();
  mark.name = std::string(parts[0]);
  if (parts.size() > 4 || !IsPresetName(mark.name)) return false;
  if (parts.size() > 1 &&
      (!ParseGravity(parts[1], mark.gravity) || mark.gravity == Gravity::kSmart)) {
    return false;
  }
  if (parts.size() > 2 && !ParseNumber(parts[2], 1, 100, mark.width_percent)) return false;
  return parts.size() <= 3 || ParseNumber(parts[3], 1, 100, mark.opacity_percent);
}

bool ParseFormat(std::string_view value, Draft& draft) {
  const auto format = FormatFromName(value);
  if (format) draft.recipe.format = *format;
  return format && FormatName(*format) == value;  // "jpg" is an extension, no name
}

template <Recipe::Mode mode>
bool Box(std::string_view value, Draft& draft) {
  return ParseBox(value, mode, draft.recipe);
}
template <int Recipe::*member, int min, int max>
bool Number(std::string_view value, Draft& draft) {
  return ParseNumber(value, min, max, draft.recipe.*member);
}
template <int Recipe::*member, int min, int max>
bool Tenths(std::string_view value, Draft& draft) {
  return ParseDecimal(value, 1, min, max, draft.recipe.*member);
}
template <bool Recipe::*member>
bool Flag(std::string_view value, Draft& draft) {
  return ParseFlag(value, draft.recipe.*member);
}

struct StepKind {
  std::string_view name;
  bool (*parse)(std::string_view value, Draft& draft);
  std::string_view expected;
};

constexpr StepKind kSteps[] = {
    {"crop", ParseCrop, "crop=X,Y,W,H in pixels, W and H at least 1, none above 10000000"},
    {"trim", Number<&Recipe::trim, 1, 255>, "trim=1 to trim=255"},
    {"rotate", ParseRotate, "rotate=0, 90, 180 or 270"},
    {"flip", ParseFlip, "flip=h, v or hv"},
    {"fit", Box<Recipe::Mode::kFit>, "fit=WxH with sides from 0 (free) to 16384, not both 0"},
    {"cover", Box<Recipe::Mode::kCover>, "cover=WxH with sides from 1 to 16384"},
    {"pad", Box<Recipe::Mode::kPad>, "pad=WxH with sides from 1 to 16384"},
    {"force", Box<Recipe::Mode::kForce>, "force=WxH with sides from 1 to 16384"},
    {"enlarge", Flag<&Recipe::enlarge>, "enlarge=1 or 0"},
    {"gravity",
     [](std::string_view value, Draft& draft) { return ParseGravity(value, draft.recipe.gravity); },
     "gravity=center, n, ne, e, se, s, sw, w, nw or smart"},
    {"focus", ParseFocus, "focus=X,Y, each 0 to 1000 thousandths of the original"},
    {"dpr",
     [](std::string_view value, Draft& draft) {
       return ParseDecimal(value, 2, 100, 400, draft.dpr);
     },
     "dpr=1 to dpr=4 with up to two decimals"},
    {"bg", ParseBackground, "bg=RRGGBB or RRGGBBAA, in hexadecimal"},
    {"blur", Tenths<&Recipe::blur, 3, 1000>, "blur=0.3 to blur=100 with up to one decimal"},
    {"sharpen", Tenths<&Recipe::sharpen, 3, 100>,
     "sharpen=0.3 to sharpen=10 with up to one decimal"},
    {"brightness", Number<&Recipe::brightness, -100, 100>, "brightness=-100 to brightness=100"},
    {"contrast", Number<&Recipe::contrast, -100, 100>, "contrast=-100 to contrast=100"},
    {"saturation", Number<&Recipe::saturation, -100, 100>, "saturation=-100 to saturation=100"},
    {"gamma", Tenths<&Recipe::gamma, 1, 99>, "gamma=0.1 to gamma=9.9 with up to one decimal"},
    {"gray", Flag<&Recipe::gray>, "gray=1 or 0"},
    {"sepia", Flag<&Recipe::sepia>, "sepia=1 or 0"},
    {"negate", Flag<&Recipe::negate>, "negate=1 or 0"},
    {"tint",
     [](std::string_view value, Draft& draft) {
       return ParseHex(value, 6, draft.recipe.tint.emplace());
     },
     "tint=RRGGBB, in hexadecimal"},
    {"pixelate", Number<&Recipe::pixelate, 2, 512>, "pixelate=2 to pixelate=512"},
    {"mark", ParseMark,
     "mark=NAME[,GRAVITY[,WIDTH[,OPACITY]]], a watermark's name, where (not smart), and percent "
     "from 1 to 100"},
    {"format", ParseFormat, "format=auto, jpeg, png, webp, avif or gif"},
    {"q", Number<&Recipe::quality, 1, 100>, "q=1 to q=100"},
    {"lossless", Flag<&Recipe::lossless>, "lossless=1 or 0"},
    {"palette", Flag<&Recipe::palette>, "palette=1 or 0"},
    {"still", Flag<&Recipe::still>, "still=1 or 0"},
    {"keep",
     [](std::string_view value, Draft& draft) {
       draft.recipe.keep_copyright = true;
       return value == "copyright";
     },
     "keep=copyright"},
    {"color",
     [](std::string_view value, Draft& draft) {
       draft.recipe.wide_color = true;
       return value == "p3";
     },
     "color=p3"},
};

std::string AllNames() {
  std::string names;
  for (const StepKind& kind : kSteps) {
    names += (names.empty() ? "" : ", ") + std::string(kind.name) + "=";
  }
  return names;
}

absl::Status ParseStep(std::string_view step, Draft& draft) {
  const size_t equals = step.find('=');
  const std::string_view name = step.substr(0, equals);
  const auto* kind = std::find_if(std::begin(kSteps), std::end(kSteps),
                                  [name](const StepKind& known) { return known.name == name; });
  if (equals == std::string_view::npos || kind == std::end(kSteps)) {
    return BadStep(step, "one of " + AllNames());
  }
  if (!draft.steps.emplace(name, step).second) return BadStep(step, "each step at most once");
  if (!kind->parse(step.substr(equals + 1), draft)) return BadStep(step, kind->expected);
  return absl::OkStatus();
}

// Each step makes sense by itself; now whether they do together.
absl::Status CheckTogether(const Draft& draft) {
  using Mode = Recipe::Mode;
  const Recipe& recipe = draft.recipe;
  // OK if the step is absent.
  const auto wants = [&draft](std::string_view name, bool holds, std::string_view expected) {
    const auto found = draft.steps.find(name);
    if (holds || found == draft.steps.end()) return absl::OkStatus();
    return BadStep(found->second, expected);
  };
  int modes = 0;
  for (const std::string_view mode : {"fit", "cover", "pad", "force"}) {
    if (!draft.steps.contains(mode)) continue;
    SR_RETURN_IF_ERROR(wants(mode, ++modes == 1, "only one of fit=, cover=, pad= and force="));
  }
  const bool cover = recipe.mode == Mode::kCover;
  const bool pad = recipe.mode == Mode::kPad;
  const bool sized = recipe.mode != Mode::kKeep;
  constexpr std::string_view kSized = "fit=, cover=, pad= or force= beside it";
  SR_RETURN_IF_ERROR(wants("enlarge", sized || !recipe.enlarge, kSized));
  SR_RETURN_IF_ERROR(wants("dpr", sized, kSized));
  SR_RETURN_IF_ERROR(wants("focus", !draft.steps.contains("gravity"), "no gravity= beside it"));
  SR_RETURN_IF_ERROR(wants("focus", cover, "cover= beside it"));
  SR_RETURN_IF_ERROR(wants("gravity", cover || pad, "cover= or pad= beside it"));
  SR_RETURN_IF_ERROR(
      wants("gravity", cover || recipe.gravity != Gravity::kSmart, "cover= beside it"));
  SR_RETURN_IF_ERROR(wants("bg", pad || MayLackAlpha(recipe.format),
                           "pad=, format=jpeg or format=auto beside it"));
  SR_RETURN_IF_ERROR(wants("lossless", !recipe.lossless || MayBeLossless(recipe.format),
                           "format=webp, avif or auto beside it"));
  SR_RETURN_IF_ERROR(wants("palette", !recipe.palette || MayHavePalette(recipe.format),
                           "format=png or auto beside it"));
  SR_RETURN_IF_ERROR(
      wants("q", HasQuality(recipe), "no format=png, format=gif or lossless=1 beside it"));
  SR_RETURN_IF_ERROR(
      wants("keep", MayHaveMetadata(recipe.format), "another format than gif beside it"));
  return wants("color", MayHaveMetadata(recipe.format), "another format than gif beside it");
}

}  // namespace

absl::StatusOr<Recipe> ParseRecipe(std::string_view text) {
  if (text.size() > kMaxRecipeText) {
    return BadStep(text, "a recipe of at most " + std::to_string(kMaxRecipeText) + " characters");
  }
  Draft draft;
  for (const std::string_view step : Split(text, '/')) {
    SR_RETURN_IF_ERROR(ParseStep(step, draft));
  }
  SR_RETURN_IF_ERROR(CheckTogether(draft));
  return Scaled(std::move(draft.recipe), draft.dpr / 100.0);
}

}  // namespace stockroom
