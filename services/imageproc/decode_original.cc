#include "services/imageproc/decode_original.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "services/common/base/status.h"
#include "services/common/recipe/recipe.h"
#include "services/imageproc/codec/source_image.h"
#include "services/imageproc/codec/vips_library.h"

namespace stockroom::imageproc {
namespace {

using internal::DecodeReply;
using internal::DecodeRequest;

struct Target {
  int index = 0;  // among the request's presets
  Recipe recipe;
  Size size;
};

int64_t Area(Size size) { return int64_t{size.width} * size.height; }

Recipe AnalysisBox() { return {.width = kAnalysisSide, .height = kAnalysisSide}; }

// Largest first.
absl::StatusOr<std::vector<Target>> PlanTargets(const DecodeRequest& request, Size original) {
  std::vector<Target> targets;
  for (int i = 0; i < request.presets_size(); ++i) {
    auto recipe = ParseRecipe(request.presets(i).recipe());
    if (!recipe.ok()) {
      return absl::InternalError(
          absl::StrCat("preset ", request.presets(i).preset(), ": ", recipe.status().message()));
    }
    targets.push_back({i, *recipe, FitInside(original, *recipe)});
  }
  std::stable_sort(targets.begin(), targets.end(),
                   [](const Target& a, const Target& b) { return Area(a.size) > Area(b.size); });
  return targets;
}

// Pictures made so far, largest first, all of the same shape.
class Steps {
 public:
  explicit Steps(Raster largest) : rasters_{std::move(largest)} {}

  // Resized from the smallest picture that is still twice as large, where a second resize does not
  // show; otherwise from the largest.
  absl::StatusOr<Raster> Get(Size size) {
    const Raster* from = &rasters_.front();
    for (const Raster& raster : rasters_) {
      if (raster.size() == size) return raster;
      if (raster.size().width >= 2 * size.width && raster.size().height >= 2 * size.height) {
        from = &raster;
      }
    }
    auto made = from->ResizedTo(size);
    if (made.ok()) rasters_.push_back(*made);
    return made;
  }

 private:
  std::vector<Raster> rasters_;
};

void SetFacts(const SourceFacts& facts, internal::ImageFacts& out) {
  out.set_width(facts.width);
  out.set_height(facts.height);
  out.set_format(facts.format);
  out.set_media_type(facts.media_type);
  out.set_frames(facts.frames);
  if (facts.taken_time)
    out.mutable_taken_time()->set_seconds(absl::ToUnixSeconds(*facts.taken_time));
}

ImageFormat Resolve(ImageFormat format, bool has_alpha) {
  if (format != ImageFormat::kAuto) return format;
  return has_alpha ? ImageFormat::kWebp : ImageFormat::kJpeg;
}

absl::Status MakeRendition(Steps& steps, const Target& target, const std::string& preset,
                           internal::RenditionMade& made, std::string& bytes) {
  SR_ASSIGN_OR_RETURN(const Raster raster, steps.Get(target.size));
  Recipe recipe = target.recipe;
  recipe.format = Resolve(recipe.format, raster.has_alpha());
  SR_ASSIGN_OR_RETURN(bytes, raster.Encode(recipe.format, recipe.quality));
  made.set_preset(preset);
  made.set_recipe(CanonicalText(recipe));
  made.set_key(RenditionKey(recipe));
  made.set_format(std::string(FormatName(recipe.format)));
  made.set_media_type(std::string(FormatMediaType(recipe.format)));
  made.set_width(raster.size().width);
  made.set_height(raster.size().height);
  made.set_size_bytes(static_cast<int64_t>(bytes.size()));
  return absl::OkStatus();
}

absl::StatusOr<DecodeAnswer> Process(const DecodeRequest& request, std::string_view original,
                                     std::span<const Processor> processors) {
  SourceLimits limits;
  if (request.max_pixels() > 0) limits.max_pixels = request.max_pixels();
  SR_ASSIGN_OR_RETURN(const SourceImage source, SourceImage::Open(original, limits));
  SR_ASSIGN_OR_RETURN(const std::vector<Target> targets, PlanTargets(request, source.size()));

  const Size analysis_size = FitInside(source.size(), AnalysisBox());
  Size largest = analysis_size;
  if (!targets.empty() && Area(targets.front().size) > Area(largest))
    largest = targets.front().size;
  SR_ASSIGN_OR_RETURN(Raster decoded, source.Decode(largest));
  Steps steps(std::move(decoded));

  DecodeAnswer answer;
  internal::ProcessedImage& image = *answer.reply.mutable_image();
  SetFacts(source.facts(), *image.mutable_facts());
  std::vector<internal::RenditionMade> made(targets.size());
  std::vector<std::string> bytes(targets.size());
  for (const Target& target : targets) {
    const auto at = static_cast<size_t>(target.index);
    SR_RETURN_IF_ERROR(
        MakeRendition(steps, target, request.presets(target.index).preset(), made[at], bytes[at]));
  }
  for (size_t i = 0; i < made.size(); ++i) {
    *image.add_renditions() = std::move(made[i]);
    answer.renditions += bytes[i];
  }

  SR_ASSIGN_OR_RETURN(const Raster small, steps.Get(analysis_size));
  SR_ASSIGN_OR_RETURN(const Pixels pixels, small.ToPixels());
  for (auto& [name, json] : RunProcessors(processors, {source.facts(), pixels})) {
    (*image.mutable_analysis())[name] = json;
  }
  answer.reply.set_result(DecodeReply::OK);
  return answer;
}

DecodeReply::Result ResultOf(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kInvalidArgument:
      return DecodeReply::BAD_IMAGE;
    case absl::StatusCode::kOutOfRange:
      return DecodeReply::TOO_LARGE;
    default:
      return DecodeReply::INTERNAL;
  }
}

}  // namespace

DecodeAnswer DecodeOriginal(const DecodeRequest& request, std::string_view original,
                            std::span<const Processor> processors) {
  absl::StatusOr<DecodeAnswer> answer = Process(request, original, processors);
  TakeVipsError();
  if (answer.ok()) return *std::move(answer);
  DecodeAnswer failed;
  failed.reply.set_result(ResultOf(answer.status().code()));
  failed.reply.set_message(std::string(answer.status().message()));
  return failed;
}

}  // namespace stockroom::imageproc
