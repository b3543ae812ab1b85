#include "services/imageproc/decode_original.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "services/common/base/status.h"
#include "services/common/recipe/geometry.h"
#include "services/common/recipe/ladder.h"
#include "services/common/recipe/recipe.h"
#include "services/imageproc/codec/render.h"
#include "services/imageproc/codec/source_image.h"
#include "services/imageproc/codec/vips_library.h"

namespace stockroom::imageproc {
namespace {

using internal::DecodeReply;
using internal::DecodeRequest;

int64_t Area(Size size) { return int64_t{size.width} * size.height; }

// Something to make: a preset's rendition or a rung.
struct Target {
  std::string preset;
  Recipe recipe;
  bool is_rung = false;
};

struct Made {
  bool is_rung = false;
  internal::RenditionMade description;
  std::string bytes;
};

absl::StatusOr<std::vector<Target>> PlanTargets(const DecodeRequest& request,
                                                const SourceFacts& facts, int64_t bytes) {
  std::vector<Target> targets;
  for (const internal::NamedRecipe& preset : request.presets()) {
    auto recipe = ParseRecipe(preset.recipe());
    if (!recipe.ok()) {
      return absl::InternalError(
          absl::StrCat("preset ", preset.preset(), ": ", recipe.status().message()));
    }
    targets.push_back({preset.preset(), *std::move(recipe), false});
  }
  if (request.analyse()) {
    const std::vector<int> sides(request.ladder().begin(), request.ladder().end());
    const SourceTraits traits{.size = {facts.width, facts.height},
                              .format = facts.format,
                              .frames = facts.frames,
                              .has_alpha = facts.has_alpha,
                              .progressive = facts.progressive,
                              .bytes = bytes};
    for (const Rung& rung : LadderOf(traits, sides)) {
      targets.push_back({"", rung.recipe, true});
    }
  }
  return targets;
}

// How large the whole picture must be decoded for this recipe: pixels a side that a pixel of its
// result is made of are never fewer than one.
Size SizeFor(Size original, const Recipe& recipe) {
  const auto plan = PlanGeometry(original, recipe);
  if (!plan.ok()) return {1, 1};  // is said when it is made
  const double scale =
      std::min(1.0, std::max(static_cast<double>(plan->scaled.width) / plan->turned.width,
                             static_cast<double>(plan->scaled.height) / plan->turned.height));
  const bool whole = plan->area == Rect{0, 0, original.width, original.height};
  // Exactly the result's size where that is the whole picture, so that it is not resized again.
  if (whole && plan->turned == original) {
    return {std::min(plan->scaled.width, original.width),
            std::min(plan->scaled.height, original.height)};
  }
  const auto side = [scale](int pixels) {
    return std::max(1, static_cast<int>(std::ceil(pixels * scale)));
  };
  return {side(original.width), side(original.height)};
}

// The whole picture at the sizes made so far, largest first.
class Steps {
 public:
  explicit Steps(Raster largest) : rasters_{std::move(largest)} {}

  // The smallest picture that is exactly this large or still twice as large, where a second resize
  // does not show; otherwise the largest.
  const Raster& From(Size size) const {
    const Raster* from = &rasters_.front();
    for (const Raster& raster : rasters_) {
      if (raster.size() == size) return raster;
      if (raster.size().width >= 2 * size.width && raster.size().height >= 2 * size.height) {
        from = &raster;
      }
    }
    return *from;
  }

  // Kept for those that are smaller.
  absl::StatusOr<Raster> Exactly(Size size) {
    const Raster& from = From(size);
    if (from.size() == size) return from;
    auto made = from.ResizedTo(size);
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
  out.set_has_alpha(facts.has_alpha);
  out.set_progressive(facts.progressive);
  if (facts.taken_time)
    out.mutable_taken_time()->set_seconds(absl::ToUnixSeconds(*facts.taken_time));
}

Made Describe(const Target& target, const Recipe& recipe, Rendered rendered) {
  Made made{.is_rung = target.is_rung, .description = {}, .bytes = {}};
  made.description.set_preset(target.preset);
  made.description.set_recipe(CanonicalText(recipe));
  made.description.set_key(RenditionKey(recipe));
  made.description.set_format(std::string(FormatName(recipe.format)));
  made.description.set_media_type(std::string(FormatMediaType(recipe.format)));
  made.description.set_width(rendered.size.width);
  made.description.set_height(rendered.size.height);
  made.description.set_size_bytes(static_cast<int64_t>(rendered.bytes.size()));
  made.bytes = std::move(rendered.bytes);
  return made;
}

// The middle of the box that the processor of that name found; of the picture if it found none.
Focus SmartFocus(const std::map<std::string, std::string>& analysis) {
  const auto found = analysis.find("smart_crop");
  if (found == analysis.end()) return {};
  const nlohmann::json box = nlohmann::json::parse(found->second, nullptr, false);
  const auto number = [&box](const char* name) {
    const auto member = box.is_object() ? box.find(name) : box.end();
    return member != box.end() && member->is_number() ? member->get<double>() : -1.0;
  };
  const double x = number("x") + number("w") / 2;
  const double y = number("y") + number("h") / 2;
  if (!(x >= 0 && x <= 1 && y >= 0 && y <= 1)) return {};
  return {static_cast<int>(std::lround(x * 1000)), static_cast<int>(std::lround(y * 1000))};
}

using Analysis = std::map<std::string, std::string>;

absl::StatusOr<Analysis> Analyse(const SourceFacts& facts, Steps& steps,
                                 std::span<const Processor> processors) {
  const Size original{facts.width, facts.height};
  SR_ASSIGN_OR_RETURN(const Raster large,
                      steps.Exactly(FitInside(original, {kLargeAnalysisSide, kLargeAnalysisSide})));
  SR_ASSIGN_OR_RETURN(const Raster small,
                      steps.Exactly(FitInside(original, {kAnalysisSide, kAnalysisSide})));
  SR_ASSIGN_OR_RETURN(const Pixels large_pixels, large.ToPixels());
  SR_ASSIGN_OR_RETURN(const Pixels small_pixels, small.ToPixels());
  return RunProcessors(processors, {facts, small_pixels, large_pixels});
}

void Add(std::vector<Made> all, DecodeAnswer& answer) {
  internal::ProcessedImage& image = *answer.reply.mutable_image();
  // Renditions first, then rungs, as the bytes are to lie.
  for (const bool rungs : {false, true}) {
    for (Made& made : all) {
      if (made.is_rung != rungs) continue;
      *(rungs ? image.add_rungs() : image.add_renditions()) = std::move(made.description);
      answer.renditions += made.bytes;
    }
  }
}

// An original: one decode for everything that can be made of it.
absl::Status Ingest(const RenderSource& source, const std::vector<Target>& targets,
                    std::span<const Processor> processors, DecodeAnswer& answer) {
  const SourceFacts& facts = source.file.facts();
  Size base = FitInside(source.original, {kLargeAnalysisSide, kLargeAnalysisSide});
  for (const Target& target : targets) {
    const Size size = SizeFor(source.original, target.recipe);
    if (Area(size) > Area(base)) base = size;
  }
  SR_ASSIGN_OR_RETURN(Raster decoded, source.file.Decode(base));
  const Resolution resolution{
      .format = decoded.has_alpha() ? ImageFormat::kWebp : ImageFormat::kJpeg, .focus = {}};
  Steps steps(std::move(decoded));
  SR_ASSIGN_OR_RETURN(const Analysis analysis, Analyse(facts, steps, processors));
  Resolution smart = resolution;
  smart.focus = SmartFocus(analysis);

  std::vector<Made> all;
  for (const Target& target : targets) {
    const Recipe recipe = Resolved(target.recipe, smart);
    auto rendered =
        NeedsFile(facts, recipe)
            ? RenderRecipe(source, recipe)
            : RenderRecipe(source, steps.From(SizeFor(source.original, recipe)), recipe);
    if (!rendered.ok()) return rendered.status();
    all.push_back(Describe(target, recipe, *std::move(rendered)));
  }
  Add(std::move(all), answer);
  for (const auto& [name, json] : analysis) {
    (*answer.reply.mutable_image()->mutable_analysis())[name] = json;
  }
  return absl::OkStatus();
}

// Renditions alone, each of its own smallest decode: there is rarely more than one.
absl::Status RenderAll(const RenderSource& source, const std::vector<Target>& targets,
                       DecodeAnswer& answer) {
  std::vector<Made> all;
  for (const Target& target : targets) {
    const ImageFormat otherwise =
        source.file.facts().has_alpha ? ImageFormat::kWebp : ImageFormat::kJpeg;
    const Recipe recipe = Resolved(target.recipe, {.format = otherwise, .focus = {}});
    SR_ASSIGN_OR_RETURN(Rendered rendered, RenderRecipe(source, recipe));
    all.push_back(Describe(target, recipe, std::move(rendered)));
  }
  Add(std::move(all), answer);
  return absl::OkStatus();
}

absl::StatusOr<DecodeAnswer> Process(const DecodeRequest& request, std::string_view bytes,
                                     std::span<const std::string_view> watermarks,
                                     std::span<const Processor> processors) {
  SourceLimits limits;
  if (request.max_pixels() > 0) limits.max_pixels = request.max_pixels();
  if (request.allow_svg()) limits.svg = SvgPolicy::kAllowed;
  SR_ASSIGN_OR_RETURN(const SourceImage file, SourceImage::Open(bytes, limits));
  if (static_cast<size_t>(request.watermarks_size()) != watermarks.size()) {
    return absl::InternalError("watermarks and their names differ in number");
  }
  std::vector<Mark> marks;
  for (int i = 0; i < request.watermarks_size(); ++i) {
    marks.push_back({request.watermarks(i), watermarks[static_cast<size_t>(i)]});
  }
  const bool is_rung = request.original_width() > 0 && request.original_height() > 0;
  const RenderSource source{
      .file = file,
      .original = is_rung ? Size{request.original_width(), request.original_height()} : file.size(),
      .marks = marks};
  SR_ASSIGN_OR_RETURN(const std::vector<Target> targets,
                      PlanTargets(request, file.facts(), static_cast<int64_t>(bytes.size())));
  DecodeAnswer answer;
  SetFacts(file.facts(), *answer.reply.mutable_image()->mutable_facts());
  SR_RETURN_IF_ERROR(request.analyse() ? Ingest(source, targets, processors, answer)
                                       : RenderAll(source, targets, answer));
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

DecodeAnswer DecodeOriginal(const DecodeRequest& request, std::string_view source,
                            std::span<const std::string_view> watermarks,
                            std::span<const Processor> processors) {
  absl::StatusOr<DecodeAnswer> answer = Process(request, source, watermarks, processors);
  TakeVipsError();
  if (answer.ok()) return *std::move(answer);
  DecodeAnswer failed;
  failed.reply.set_result(ResultOf(answer.status().code()));
  failed.reply.set_message(std::string(answer.status().message()));
  return failed;
}

internal::Engine DescribeEngine(std::string_view program) {
  const CodecAbilities abilities = DescribeCodec();
  internal::Engine engine;
  engine.set_program(std::string(program));
  engine.set_libvips(abilities.libvips);
  for (const std::string& format : abilities.reads) engine.add_reads(format);
  for (const std::string& format : abilities.writes) engine.add_writes(format);
  return engine;
}

}  // namespace stockroom::imageproc
