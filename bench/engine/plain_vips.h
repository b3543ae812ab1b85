// The libvips calls that make a rendition, without anything around them.
#pragma once

#include <string>
#include <string_view>

namespace stockroom::bench {

// Once, first. One thread a picture and no cache, as in decoders. False if libvips does not start.
bool StartVips(const char* program);
std::string VipsVersion();

// A JPEG, `width` wide, of a JPEG that is larger: decoded at the smallest scale that will do, the
// rest resized. Of pictures that are upright and sRGB.
std::string FitWithVips(std::string_view jpeg, int width, int quality);

}  // namespace stockroom::bench
