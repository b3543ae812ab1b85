#include "services/common/recipe/recipe.h"

#include <algorithm>
#include <charconv>
#include <set>
#include <vector>

#include "absl/strings/str_split.h"
#include "services/common/base/digest.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"

namespace stockroom {
namespace {

constexpr int kMaxSide = 16384;  // the limit of the WebP container, and enough for any screen

absl::Status BadStep(std::string_view step, std::string_view expected) {
  return InvalidArgument(
      "BAD_RECIPE", "recipe step '" + std::string(step) + "': expected " + std::string(expected));
}

// Digits only, without sign or leading zero.
bool ParseNumber(std::string_view text, int min, int max, int* out) {
  if (text.empty() || (text.size() > 1 && text.front() == '0')) return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *out);
  return error == std::errc() && end == text.data() + text.size() && *out >= min && *out <= max;
}

bool ParseFit(std::string_view value, Recipe* recipe) {
  const size_t x = value.find('x');
  if (x == std::string_view::npos) return false;
  return ParseNumber(value.substr(0, x), 0, kMaxSide, &recipe->width) &&
         ParseNumber(value.substr(x + 1), 0, kMaxSide, &recipe->height) &&
         (recipe->width != 0 || recipe->height != 0);
}

bool ParseFormat(std::string_view value, Recipe* recipe) {
  for (const ImageFormat format :
       {ImageFormat::kAuto, ImageFormat::kJpeg, ImageFormat::kPng, ImageFormat::kWebp}) {
    if (FormatName(format) == value) {
      recipe->format = format;
      return true;
    }
  }
  return false;
}

}  // namespace

std::string_view FormatName(ImageFormat format) {
  switch (format) {
    case ImageFormat::kAuto:
      return "auto";
    case ImageFormat::kJpeg:
      return "jpeg";
    case ImageFormat::kPng:
      return "png";
    case ImageFormat::kWebp:
      return "webp";
  }
  return "";
}

std::string_view FormatExtension(ImageFormat format) {
  if (format == ImageFormat::kAuto) return "";
  return format == ImageFormat::kJpeg ? "jpg" : FormatName(format);
}

std::string_view FormatMediaType(ImageFormat format) {
  switch (format) {
    case ImageFormat::kAuto:
      return "";
    case ImageFormat::kJpeg:
      return "image/jpeg";
    case ImageFormat::kPng:
      return "image/png";
    case ImageFormat::kWebp:
      return "image/webp";
  }
  return "";
}

absl::StatusOr<Recipe> ParseRecipe(std::string_view text) {
  Recipe recipe;
  std::set<std::string> seen;
  const std::vector<std::string> steps = absl::StrSplit(Av(text), '/');
  for (const std::string& step : steps) {
    const size_t equals = step.find('=');
    const std::string name = step.substr(0, equals);
    const std::string value = equals == std::string::npos ? "" : step.substr(equals + 1);
    if (!seen.insert(name).second) return BadStep(step, "each step at most once");
    if (name == "fit") {
      if (!ParseFit(value, &recipe)) {
        return BadStep(step, "fit=WxH with sides from 0 (free) to 16384, not both 0");
      }
    } else if (name == "format") {
      if (!ParseFormat(value, &recipe)) return BadStep(step, "format=auto, jpeg, png or webp");
    } else if (name == "q") {
      if (!ParseNumber(value, 1, 100, &recipe.quality)) return BadStep(step, "q=1 to q=100");
    } else {
      return BadStep(step, "one of fit=, format=, q=");
    }
  }
  if (!seen.contains("fit")) return BadStep(text, "a fit=WxH step");
  if (recipe.format == ImageFormat::kPng) {
    if (seen.contains("q")) return BadStep(text, "no q= with format=png, which is lossless");
    recipe.quality = Recipe().quality;
  }
  return recipe;
}

std::string CanonicalText(const Recipe& recipe) {
  std::string text = "fit=" + std::to_string(recipe.width) + "x" + std::to_string(recipe.height) +
                     "/format=" + std::string(FormatName(recipe.format));
  if (recipe.format != ImageFormat::kPng) text += "/q=" + std::to_string(recipe.quality);
  return text;
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
