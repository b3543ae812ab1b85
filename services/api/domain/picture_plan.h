// From what a URL says to one definite rendition of one image. Pure.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "services/api/domain/image.h"
#include "services/api/domain/negotiation.h"
#include "services/api/domain/picture_url.h"
#include "services/api/domain/worker_pool.h"
#include "services/common/blobs/blob_types.h"
#include "services/common/recipe/ladder.h"
#include "services/common/recipe/recipe.h"

namespace stockroom::api {

// The operator's watermarks by the name that recipes have for them. A picture's own name ends in
// the first digits of its digest, and that is what resolved recipes have: a file that was changed
// gives other renditions.
using Watermarks = std::map<std::string, WatermarkPicture>;

// `name` 1 to 23 characters of a preset's name. INVALID_ARGUMENT.
absl::StatusOr<WatermarkPicture> NamedWatermark(const std::string& name, std::string bytes);
// The recipe with its mark's own name. INVALID_ARGUMENT (BAD_RECIPE): there is none.
absl::StatusOr<Recipe> WithOwnMark(Recipe recipe, const Watermarks& watermarks);

// What may be asked for.
struct PictureRules {
  std::map<std::string, Recipe> presets;
  Watermarks watermarks;
  // Of recipes in URLs: pixels of the result, and quality. What no eye can tell from less still
  // costs as much as it says.
  int64_t max_result_pixels = 25'000'000;
  int max_quality = 95;
  bool offer_avif = false;
  std::vector<int> ladder;  // common/recipe/ladder.h
  int64_t max_pixels = 0;   // of originals
};

struct PicturePlan {
  Recipe recipe;  // resolved
  RenditionAddress address;
  // It depends on the viewer's preferences.
  bool negotiated = false;
};

// Nothing has been made of the image yet: FAILED_PRECONDITION (IMAGE_NOT_READY, IMAGE_FAILED).
absl::Status CheckProcessed(const Image& image);
// Why its picture is not shown: the same reasons.
absl::Status NotShown(const Image& image);

// `url` is of a preset or a recipe, the image processed. NOT_FOUND (PRESET_NOT_FOUND,
// OTHER_FORMAT), INVALID_ARGUMENT (BAD_RECIPE).
absl::StatusOr<PicturePlan> PlanPicture(const Image& image, const PictureUrl& url,
                                        const Preferences& preferences, const PictureRules& rules);

// What is known of the original, for predicting costs.
SourceTraits TraitsOf(const Image& image);

// Centre of the box that ingest found most interesting; the picture's centre if it found none.
Focus SmartFocusOf(const Image& image);

// For /i/{id}/info: what the image is, what was found in it, and where its pictures are.
std::string DescribePictures(const Image& image, const PictureRules& rules);

}  // namespace stockroom::api
