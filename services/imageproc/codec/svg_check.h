// What an SVG document may not contain before a library is let near it.
#pragma once

#include <string_view>

#include "absl/status/status.h"

namespace stockroom::imageproc {

// INVALID_ARGUMENT for: entities and other declarations, style sheets and pictures from elsewhere
// (only "#name" and data: pictures of PNG, JPEG, GIF or WebP may be referred to), nested XML
// processing, compressed documents. Links (<a>) are not followed by anybody and may stay.
absl::Status CheckSvg(std::string_view document);

}  // namespace stockroom::imageproc
