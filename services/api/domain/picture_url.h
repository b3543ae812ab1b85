// What the part of a picture's URL behind /i/{id}/ says. Pure.
//
//   original, original.{ext}
//   info
//   [{revision}/]{preset}.{ext}
//   [{revision}/]{step}/{step}….{ext}      recipe steps, see common/recipe/recipe.h
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "services/common/recipe/recipe.h"

namespace stockroom::api {

struct PictureUrl {
  enum class Kind { kOriginal, kInfo, kPreset, kRecipe };
  Kind kind = Kind::kPreset;
  int64_t revision = 0;  // 0: whichever is current
  std::string preset;    // kPreset
  std::string steps;     // kRecipe, without the extension
  // Of kPreset and kRecipe: what the extension says. kAuto (".auto"): negotiated.
  ImageFormat format = ImageFormat::kAuto;
};

// `path` is decoded. NOT_FOUND (NO_SUCH_FILE) says what is at such places.
absl::StatusOr<PictureUrl> ParsePictureUrl(std::string_view path);

}  // namespace stockroom::api
