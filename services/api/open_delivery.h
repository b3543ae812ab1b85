// Delivery as configured: recipes, watermarks, keys.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "services/api/domain/delivery_service.h"
#include "services/api/options.h"

namespace stockroom::api {

// Reads the watermarks' and the keys' files. INVALID_ARGUMENT names the option.
absl::StatusOr<DeliveryService::Options> OpenDelivery(const Options& options,
                                                      const std::vector<NamedRecipe>& presets,
                                                      const std::vector<int>& ladder);

// delivery.watermarks, at most 1 MiB each.
absl::StatusOr<Watermarks> OpenWatermarks(const Options& options);

// The presets with their watermarks' own names (see Watermarks), so that what is made at upload is
// what delivery looks for.
absl::StatusOr<std::vector<NamedRecipe>> WithOwnMarks(std::vector<NamedRecipe> presets,
                                                      const Watermarks& watermarks);
// Those of the watermarks that the presets name.
absl::StatusOr<std::vector<WatermarkPicture>> MarksOf(const std::vector<NamedRecipe>& presets,
                                                      const Watermarks& watermarks);

}  // namespace stockroom::api
