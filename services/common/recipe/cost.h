// What a rendition will cost, predicted before anything is decoded: so that cheap requests do not
// wait behind expensive ones, and a queue's length can be told in time.
#pragma once

#include <cstdint>

#include "services/common/recipe/ladder.h"

namespace stockroom {

struct RenderCost {
  double cpu_ms = 0;         // of one core
  int64_t memory_bytes = 0;  // at the peak
};

// For a resolved recipe, from the source's pixels (after what its format can skip while decoding),
// frames, codec, progressive flag, and the result's pixels, filters and encoder. When a rung is
// decoded, `source` is the rung; sizes only matter roughly. The constants stand in cost.cc with
// where they were measured; an error of factor two is no harm. Never below a small fixed cost.
RenderCost PredictCost(const SourceTraits& source, const Recipe& recipe);

}  // namespace stockroom
