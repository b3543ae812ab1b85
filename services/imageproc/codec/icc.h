// What a colour profile says about itself, read without trusting it.
#pragma once

#include <string>
#include <string_view>

namespace stockroom::imageproc {

// The profile's name from its 'desc' tag; empty if it has none that can be read.
std::string IccDescription(std::string_view profile);

// Plain sRGB by its name: converting from it would change nothing.
bool IsSrgbProfile(std::string_view profile);

// An RGB profile whose primaries span noticeably more colours than sRGB's.
bool HasWideGamut(std::string_view profile);

}  // namespace stockroom::imageproc
