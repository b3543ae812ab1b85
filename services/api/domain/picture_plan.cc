#include "services/api/domain/picture_plan.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "services/common/base/digest.h"
#include "services/common/base/status.h"
#include "services/common/recipe/geometry.h"

namespace stockroom::api {
namespace {

using nlohmann::json;

constexpr size_t kDigestInName = 8;

// A processor's result; an empty object if there is none or it is none.
json AnalysisOf(const Image& image, const std::string& name) {
  const auto found = image.analysis.find(name);
  if (found == image.analysis.end()) return json::object();
  json result = json::parse(found->second, nullptr, /*allow_exceptions=*/false);
  return result.is_object() ? result : json::object();
}

bool Flag(const json& object, const char* name) {
  const auto it = object.find(name);
  return it != object.end() && it->is_boolean() && it->get<bool>();
}

double Number(const json& object, const char* name, double otherwise) {
  const auto it = object.find(name);
  return it != object.end() && it->is_number() ? it->get<double>() : otherwise;
}

// As the processors and clients wrote it: however deep it is, nothing recurses over it.
std::string AnalysisText(const Image& image) {
  std::string text = "{";
  for (const auto& [name, result] : image.analysis) {
    if (!json::accept(result)) continue;
    if (text.size() > 1) text += ',';
    text += json(name).dump(-1, ' ', false, json::error_handler_t::replace) + ":" + result;
  }
  return text + "}";
}

absl::Status BadRecipe(const std::string& message) {
  return InvalidArgument("BAD_RECIPE", message);
}

absl::StatusOr<Recipe> PresetFor(const Image& image, const PictureUrl& url,
                                 const PictureRules& rules) {
  const auto configured = rules.presets.find(url.preset);
  if (configured != rules.presets.end()) return configured->second;
  // Made under a preset that is not configured any more.
  const auto made = std::find_if(image.renditions.begin(), image.renditions.end(),
                                 [&](const Rendition& r) { return r.preset == url.preset; });
  if (made == image.renditions.end()) {
    return NotFound("PRESET_NOT_FOUND", "there is no preset '" + url.preset + "'");
  }
  return ParseRecipe(made->recipe);
}

// What a client may make workers do has an end.
absl::Status CheckCost(const Image& image, const Recipe& recipe, const PictureRules& rules) {
  if (recipe.quality > rules.max_quality) {
    return BadRecipe("q=" + std::to_string(recipe.quality) + ": at most " +
                     std::to_string(rules.max_quality) + " is allowed in URLs here");
  }
  SR_ASSIGN_OR_RETURN(const Geometry geometry,
                      PlanGeometry({image.facts.width, image.facts.height}, recipe));
  const int64_t frames = recipe.still ? 1 : std::max(image.facts.frames, 1);
  const int64_t pixels = int64_t{geometry.canvas.width} * geometry.canvas.height * frames;
  const int64_t scaled = int64_t{geometry.scaled.width} * geometry.scaled.height * frames;
  if (std::max(pixels, scaled) <= rules.max_result_pixels) return absl::OkStatus();
  return BadRecipe("the result would have " + std::to_string(std::max(pixels, scaled)) +
                   " pixels; at most " + std::to_string(rules.max_result_pixels) +
                   " are allowed in URLs here");
}

absl::StatusOr<Recipe> RecipeOf(const Image& image, const PictureUrl& url,
                                const PictureRules& rules) {
  if (url.kind == PictureUrl::Kind::kPreset) return PresetFor(image, url, rules);
  std::string text = url.steps;
  // So that steps which mean nothing for the extension's format are told.
  const bool says_format = text.starts_with("format=") || text.find("/format=") != text.npos;
  if (url.format != ImageFormat::kAuto && !says_format) {
    text += "/format=" + std::string(FormatName(url.format));
  }
  SR_ASSIGN_OR_RETURN(Recipe recipe, ParseRecipe(text));
  return WithOwnMark(std::move(recipe), rules.watermarks);
}

absl::Status CheckFormat(const Recipe& recipe, const PictureUrl& url) {
  if (recipe.format == ImageFormat::kAuto || url.format == ImageFormat::kAuto ||
      recipe.format == url.format) {
    return absl::OkStatus();
  }
  const std::string extension(FormatExtension(recipe.format));
  if (url.kind == PictureUrl::Kind::kRecipe) {
    return BadRecipe("the recipe says format=" + std::string(FormatName(recipe.format)) +
                     "; then the extension is ." + extension);
  }
  return NotFound("OTHER_FORMAT", "'" + url.preset + "' is " + url.preset + "." + extension);
}

}  // namespace

absl::StatusOr<WatermarkPicture> NamedWatermark(const std::string& name, std::string bytes) {
  const std::string own = name + "-" + Digest::Of(bytes).hex().substr(0, kDigestInName);
  if (!IsPresetName(own) || name.empty()) {
    return InvalidArgument("INVALID_FIELD", "'" + name +
                                                "' can not name a watermark; expected 1 to 23 "
                                                "characters of a-z, 0-9 and dash, a letter first");
  }
  return WatermarkPicture{.name = own, .bytes = std::move(bytes)};
}

absl::StatusOr<Recipe> WithOwnMark(Recipe recipe, const Watermarks& watermarks) {
  if (!recipe.mark) return recipe;
  const auto found = watermarks.find(recipe.mark->name);
  if (found == watermarks.end()) {
    return BadRecipe("mark=" + recipe.mark->name + ": there is no watermark of this name");
  }
  recipe.mark->name = found->second.name;
  return recipe;
}

absl::Status NotShown(const Image& image) {
  if (image.state == ImageState::kFailed) {
    return MakeStatus(absl::StatusCode::kFailedPrecondition,
                      "the image could not be processed: " + image.failure_reason,
                      {.reason = "IMAGE_FAILED"});
  }
  return MakeStatus(absl::StatusCode::kFailedPrecondition,
                    "the image is not processed yet; try again shortly",
                    {.reason = "IMAGE_NOT_READY", .retry_after = absl::Seconds(1)});
}

absl::Status CheckProcessed(const Image& image) {
  const bool known = image.facts.width > 0 && image.facts.height > 0;
  return known && image.state != ImageState::kFailed ? absl::OkStatus() : NotShown(image);
}

absl::StatusOr<PicturePlan> PlanPicture(const Image& image, const PictureUrl& url,
                                        const Preferences& preferences, const PictureRules& rules) {
  SR_ASSIGN_OR_RETURN(Recipe recipe, RecipeOf(image, url, rules));
  SR_RETURN_IF_ERROR(CheckFormat(recipe, url));
  PicturePlan plan;
  plan.negotiated = url.format == ImageFormat::kAuto;
  Resolution resolution{.format = url.format};
  if (plan.negotiated) {
    recipe = AsHinted(std::move(recipe), preferences);
    const PictureKind kind{.has_alpha = TraitsOf(image).has_alpha,
                           .animated = image.facts.frames > 1 && !recipe.still};
    resolution.format = ChooseFormat(preferences, kind, rules.offer_avif);
  }
  if (recipe.gravity == Gravity::kSmart) resolution.focus = SmartFocusOf(image);
  plan.recipe = Resolved(std::move(recipe), resolution);
  if (url.kind == PictureUrl::Kind::kRecipe) {
    SR_RETURN_IF_ERROR(CheckCost(image, plan.recipe, rules));
  }
  plan.address = {image.sha256, RenditionKey(plan.recipe)};
  return plan;
}

SourceTraits TraitsOf(const Image& image) {
  const json facts = AnalysisOf(image, "facts");
  return {.size = {image.facts.width, image.facts.height},
          .format = image.facts.format,
          .frames = std::max(image.facts.frames, 1),
          .has_alpha = Flag(facts, "has_alpha"),
          .progressive = Flag(facts, "progressive"),
          .bytes = image.size_bytes};
}

Focus SmartFocusOf(const Image& image) {
  const json box = AnalysisOf(image, "smart_crop");
  const double w = Number(box, "w", -1);
  const double h = Number(box, "h", -1);
  if (w < 0 || h < 0) return Focus();
  const auto thousandths = [](double fraction) {
    return static_cast<int>(std::lround(std::clamp(fraction, 0.0, 1.0) * 1000));
  };
  return {thousandths(Number(box, "x", 0) + w / 2), thousandths(Number(box, "y", 0) + h / 2)};
}

std::string DescribePictures(const Image& image, const PictureRules& rules) {
  const SourceTraits traits = TraitsOf(image);
  const std::string at = "/i/" + image.id + "/";
  json renditions = json::array();
  for (const Rendition& made : image.renditions) {
    renditions.push_back({{"preset", made.preset},
                          {"url", at + made.preset + "." + ExtensionOf(made.format)},
                          {"recipe", made.recipe},
                          {"media_type", made.media_type},
                          {"width", made.width},
                          {"height", made.height},
                          {"size_bytes", made.size_bytes}});
  }
  json presets = json::object();
  for (const auto& [name, recipe] : rules.presets) {
    const std::string_view extension = FormatExtension(recipe.format);
    presets[name] = {
        {"url", at + name + "." + (extension.empty() ? "auto" : std::string(extension))},
        {"recipe", CanonicalText(recipe)}};
  }
  json marks = json::array();
  for (const auto& [name, picture] : rules.watermarks) marks.push_back(name);
  const json info = {{"id", image.id},
                     {"revision", image.revision},
                     {"sha256", image.sha256.hex()},
                     {"size_bytes", image.size_bytes},
                     {"width", traits.size.width},
                     {"height", traits.size.height},
                     {"format", image.facts.format},
                     {"media_type", image.facts.media_type},
                     {"frames", traits.frames},
                     {"has_alpha", traits.has_alpha},
                     {"renditions", std::move(renditions)},
                     {"presets", std::move(presets)},
                     {"watermarks", std::move(marks)}};
  // Names come from clients: what is no UTF-8 must not end the process.
  std::string text = info.dump(-1, ' ', false, json::error_handler_t::replace);
  text.back() = ',';
  return text + "\"analysis\":" + AnalysisText(image) + "}";
}

}  // namespace stockroom::api
