// Colours as people search for them: by name or by any sRGB value, compared in CIELAB (D65).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "services/api/search/similar/looks.h"

namespace stockroom::api {

// CIE 1976 (L*, a*, b*), white D65.
struct Lab {
  float l = 0;
  float a = 0;
  float b = 0;
};
// Of 0xrrggbb. About 0.1 microseconds: ask once for a query, not once for an image.
Lab LabOf(uint32_t rgb);

// black, white, grey (also gray), red, orange, yellow, green, teal, blue, purple, pink, brown, in
// any case.
std::optional<uint32_t> RgbOfName(std::string_view name);
// The names, for messages and the facet "color".
const std::vector<std::string_view>& ColorNames();

// Two colours are near up to this CIE76 delta E, and the near ones of a palette have to be this
// share of it. See color.cc for how they were chosen.
inline constexpr float kColorDistance = 26;
inline constexpr float kColorShare = 0.12F;

// Fills the tables of what follows, which the first call does otherwise: no search should have to
// wait for it.
void PrepareColors();

// Whether a palette holds enough of a colour near `rgb`: colours of at least kColorShare weight
// together within kColorDistance.
bool HasColor(const Looks& looks, const Lab& color);
inline bool HasColor(const Looks& looks, uint32_t rgb) { return HasColor(looks, LabOf(rgb)); }
// The name of each colour that HasColor finds, as bits in the order of ColorNames.
uint16_t ColorsOf(const Looks& looks);

}  // namespace stockroom::api
