// Recipes: canonical descriptions of a transform. Equal transforms have equal text.
//
// Grammar of this version (the image engine's issue extends it):
//   recipe  = step *("/" step)
//   step    = "fit=" W "x" H      fit inside W x H pixels, keep the ratio, never enlarge; 0 leaves
//                                 a side free, at most one may be 0; 1 to 16384
//           / "format=" F         jpeg, png, webp or auto (auto is resolved by the decoder: jpeg,
//           or
//                                 webp if the image has alpha)
//           / "q=" N              encoder quality 1 to 100; 80 if absent; not with png
// Each step at most once, any order on input; canonical order is fit, format, q, each always
// written (q not with png).
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace stockroom {

enum class ImageFormat { kAuto, kJpeg, kPng, kWebp };

std::string_view FormatName(ImageFormat format);       // "jpeg"
std::string_view FormatExtension(ImageFormat format);  // "jpg"; of kAuto: ""
std::string_view FormatMediaType(ImageFormat format);  // "image/jpeg"; of kAuto: ""

struct Recipe {
  int width = 0;   // 0: free
  int height = 0;  // 0: free
  ImageFormat format = ImageFormat::kAuto;
  int quality = 80;  // 1 to 100; meaningless for png

  friend bool operator==(const Recipe&, const Recipe&) = default;
};

// INVALID_ARGUMENT names the step and what is expected.
absl::StatusOr<Recipe> ParseRecipe(std::string_view text);
std::string CanonicalText(const Recipe& recipe);

// Changes whenever the same recipe would give other bytes (encoder, resizer, colour handling), so
// that renditions of an older engine are not found any more.
inline constexpr std::string_view kEngineEpoch = "1";

// Address of a rendition below its original: the first 32 hex digits of
// SHA-256(canonical text "\n" epoch). Requires a resolved format (not kAuto).
std::string RenditionKey(const Recipe& resolved);

// 1 to 32 characters of a-z, 0-9 and dash, beginning with a letter.
bool IsPresetName(std::string_view name);

}  // namespace stockroom
