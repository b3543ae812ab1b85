// What a RenderRequest asks for, checked and planned.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "services/common/base/digest.h"
#include "services/common/recipe/cost.h"
#include "services/common/recipe/ladder.h"
#include "stockroom/internal/render.pb.h"

namespace stockroom::imageproc {

struct RenderPlan {
  Digest original;
  std::string key;
  std::string recipe;  // canonical
  Recipe parsed;
  // What the api believes the original to be: for predicting and planning. A lie makes a wrong
  // picture of an image that the liar may read anyway, and wrong predictions; nothing else.
  SourceTraits traits;
  std::optional<Rung> rung;                // to decode instead of the original
  std::vector<internal::Watermark> marks;  // none or one
  int64_t max_pixels = 0;                  // 0: the worker's own limit

  RenderCost CostFromRung() const;  // requires a rung
  // With making a lost rung again.
  RenderCost CostFromOriginal() const;
};

// INVALID_ARGUMENT (BAD_REQUEST, BAD_RECIPE): no digest, a recipe that is not resolved or not
// canonical, a key that is not the recipe's (it would be stored where others look for something
// else), a watermark that is missing.
absl::StatusOr<RenderPlan> PlanRender(const internal::RenderRequest& request);

}  // namespace stockroom::imageproc
