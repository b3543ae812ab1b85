// Images as the bytes of messages: made once when an image is indexed, sent by every search that
// finds it.
#pragma once

#include <cstdint>
#include <string>

#include "services/api/domain/image.h"
#include "services/api/domain/search_index.h"

namespace stockroom::api {

// Grows with every change of what WireOf makes: bytes of another version are made anew.
inline constexpr uint32_t kWireVersion = 1;

// The two parts of a WireEncoder. Equal images give equal bytes.
std::string BasicWireOf(const Image& image);
std::string AnalysisWireOf(const Image& image);
inline WireImage WireOf(const Image& image) {
  return {.basic = BasicWireOf(image), .rest = AnalysisWireOf(image)};
}

}  // namespace stockroom::api
