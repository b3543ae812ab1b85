#include "services/imageproc/core/render_plan.h"

#include <algorithm>
#include <utility>

#include "services/common/base/status.h"

namespace stockroom::imageproc {
namespace {

// A ladder has one or two rungs.
constexpr int kMaxLadder = 16;
// Taller or wider than any format can be.
constexpr int kMaxTold = 1 << 20;

SourceTraits TraitsOf(const internal::RenderRequest& request) {
  const internal::ImageFacts& facts = request.facts();
  return {.size = {std::clamp(facts.width(), 1, kMaxTold), std::clamp(facts.height(), 1, kMaxTold)},
          .format = facts.format(),
          .frames = std::max(1, facts.frames()),
          .has_alpha = facts.has_alpha(),
          .progressive = facts.progressive(),
          .bytes = std::max<int64_t>(0, request.original_size())};
}

}  // namespace

absl::StatusOr<RenderPlan> PlanRender(const internal::RenderRequest& request) {
  RenderPlan plan;
  const auto original = Digest::FromBytes(request.original_sha256());
  if (!original.ok()) return InvalidArgument("BAD_REQUEST", "the request names no valid digest");
  plan.original = *original;
  SR_ASSIGN_OR_RETURN(plan.parsed, ParseRecipe(request.recipe()));
  plan.recipe = CanonicalText(plan.parsed);
  if (plan.recipe != request.recipe() ||
      plan.recipe != CanonicalText(Resolved(plan.parsed, Resolution{}))) {
    return InvalidArgument("BAD_RECIPE", "expected a resolved canonical recipe");
  }
  plan.key = RenditionKey(plan.parsed);
  if (plan.key != request.key()) {
    return InvalidArgument("BAD_REQUEST",
                           "the key is not the recipe's; is this worker of another version?");
  }
  plan.traits = TraitsOf(request);
  if (request.ladder_size() > kMaxLadder) {
    return InvalidArgument("BAD_REQUEST", "the ladder has too many rungs");
  }
  const std::vector<int> sides(request.ladder().begin(), request.ladder().end());
  const std::vector<Rung> rungs = LadderOf(plan.traits, sides);
  if (const Rung* rung = ChooseRung(plan.traits, plan.parsed, rungs)) plan.rung = *rung;
  if (plan.parsed.mark) {
    const auto& marks = request.watermarks();
    const auto found = std::find_if(marks.begin(), marks.end(), [&](const auto& mark) {
      return mark.name() == plan.parsed.mark->name;
    });
    if (found == marks.end()) {
      return InvalidArgument("BAD_REQUEST", "the picture of the recipe's watermark is missing");
    }
    plan.marks.push_back(*found);
  }
  plan.max_pixels = std::max<int64_t>(0, request.max_pixels());
  return plan;
}

RenderCost RenderPlan::CostFromRung() const {
  const SourceTraits source{.size = rung->size,
                            .format = "jpeg",
                            // Of quality 90: 0.2 to 0.6 bytes a pixel.
                            .bytes = int64_t{rung->size.width} * rung->size.height / 2};
  return PredictCost(source, parsed);
}

RenderCost RenderPlan::CostFromOriginal() const {
  RenderCost cost = PredictCost(traits, parsed);
  if (rung) cost.cpu_ms += PredictCost(traits, rung->recipe).cpu_ms / 2;  // they share the decode
  return cost;
}

}  // namespace stockroom::imageproc
