#include "services/api/open_delivery.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <utility>

#include "services/common/base/config.h"
#include "services/common/base/status.h"

namespace stockroom::api {
namespace {

// Every order that names one carries it to a worker.
constexpr size_t kMostWatermarkBytes = 1 << 20;
constexpr size_t kMostKeyFileBytes = 16 << 10;

absl::StatusOr<std::string> ReadFile(const std::string& option, const std::string& path,
                                     size_t most) {
  std::ifstream in(path, std::ios::binary);
  std::string bytes(most + 1, '\0');
  in.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (in.bad() || (in.fail() && !in.eof())) return InvalidField(option, "can not read " + path);
  bytes.resize(static_cast<size_t>(in.gcount()));
  if (bytes.empty()) return InvalidField(option, path + " is empty or can not be read");
  if (bytes.size() > most) {
    return InvalidField(option, path + " has more than " + std::to_string(most) + " bytes");
  }
  return bytes;
}

absl::StatusOr<std::shared_ptr<const PathSigner>> OpenSigner(const Options& options) {
  constexpr char kOption[] = "delivery.signing_key_file";
  const std::string& path = options.delivery_signing_key_file;
  if (path.empty()) return std::shared_ptr<const PathSigner>();
  SR_ASSIGN_OR_RETURN(const std::string text, ReadFile(kOption, path, kMostKeyFileBytes));
  absl::StatusOr<PathSigner> signer = PathSigner::FromKeyFile(text);
  if (!signer.ok()) return Annotate(signer.status(), kOption);
  return std::make_shared<const PathSigner>(*std::move(signer));
}

absl::StatusOr<std::map<std::string, Recipe>> Parsed(const std::vector<NamedRecipe>& presets) {
  std::map<std::string, Recipe> recipes;
  for (const NamedRecipe& preset : presets) {
    SR_ASSIGN_OR_RETURN(recipes[preset.preset], ParseRecipe(preset.recipe));
  }
  return recipes;
}

}  // namespace

absl::StatusOr<Watermarks> OpenWatermarks(const Options& options) {
  Watermarks watermarks;
  for (const auto& [name, path] : options.delivery_watermarks) {
    const std::string option = "delivery.watermarks." + name;
    SR_ASSIGN_OR_RETURN(std::string bytes, ReadFile(option, path, kMostWatermarkBytes));
    absl::StatusOr<WatermarkPicture> picture = NamedWatermark(name, std::move(bytes));
    if (!picture.ok()) return Annotate(picture.status(), "delivery.watermarks");
    watermarks.insert_or_assign(name, *std::move(picture));
  }
  return watermarks;
}

absl::StatusOr<std::vector<NamedRecipe>> WithOwnMarks(std::vector<NamedRecipe> presets,
                                                      const Watermarks& watermarks) {
  for (NamedRecipe& preset : presets) {
    SR_ASSIGN_OR_RETURN(Recipe recipe, ParseRecipe(preset.recipe));
    absl::StatusOr<Recipe> marked = WithOwnMark(std::move(recipe), watermarks);
    if (!marked.ok()) return Annotate(marked.status(), "presets." + preset.preset);
    preset.recipe = CanonicalText(*marked);
  }
  return presets;
}

absl::StatusOr<std::vector<WatermarkPicture>> MarksOf(const std::vector<NamedRecipe>& presets,
                                                      const Watermarks& watermarks) {
  std::vector<WatermarkPicture> marks;
  SR_ASSIGN_OR_RETURN(const auto recipes, Parsed(presets));
  for (const auto& watermark : watermarks) {
    const WatermarkPicture& picture = watermark.second;
    const bool named = std::any_of(recipes.begin(), recipes.end(), [&](const auto& preset) {
      return preset.second.mark && preset.second.mark->name == picture.name;
    });
    if (named) marks.push_back(picture);
  }
  return marks;
}

absl::StatusOr<DeliveryService::Options> OpenDelivery(const Options& options,
                                                      const std::vector<NamedRecipe>& presets,
                                                      const std::vector<int>& ladder) {
  DeliveryService::Options out;
  SR_ASSIGN_OR_RETURN(out.rules.watermarks, OpenWatermarks(options));
  SR_ASSIGN_OR_RETURN(out.rules.presets, Parsed(presets));
  SR_ASSIGN_OR_RETURN(const std::vector<NamedRecipe> later, LaterPresetsOf(options));
  SR_ASSIGN_OR_RETURN(const std::vector<NamedRecipe> marked,
                      WithOwnMarks(later, out.rules.watermarks));
  SR_ASSIGN_OR_RETURN(auto more, Parsed(marked));
  out.rules.presets.merge(more);
  out.rules.max_result_pixels = options.delivery_max_result_pixels;
  out.rules.max_quality = static_cast<int>(options.delivery_max_quality);
  out.rules.offer_avif = options.delivery_avif;
  out.rules.ladder = ladder;
  out.rules.max_pixels = options.max_pixels;
  SR_ASSIGN_OR_RETURN(out.signer, OpenSigner(options));
  out.unsigned_recipes =
      options.delivery_unsigned == "any" ||
      (options.delivery_unsigned == "local" && IsLoopbackAddress(options.http_listen));
  out.max_fetches = static_cast<int>(options.delivery_max_renders);
  out.max_waiting = static_cast<size_t>(options.delivery_max_waiting);
  out.fetch_timeout = options.delivery_render_timeout;
  return out;
}

}  // namespace stockroom::api
