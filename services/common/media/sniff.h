// What kind of image bytes are, by their first bytes. Names and declared types are never trusted.
#pragma once

#include <cstddef>
#include <string_view>

namespace stockroom {

enum class MediaKind { kUnknown, kJpeg, kPng, kWebp, kGif, kTiff, kAvif, kHeic, kJxl, kSvg };

// Enough of the beginning for SniffMedia.
inline constexpr size_t kSniffBytes = 1024;

// SVG is a program for drawing, not a picture: only where somebody decided to take it.
enum class SvgPolicy { kRefused, kAllowed };

// kUnknown for anything that Stockroom does not read. SVG must begin as an XML document whose root
// is <svg>, within kSniffBytes.
MediaKind SniffMedia(std::string_view beginning, SvgPolicy svg = SvgPolicy::kRefused);

std::string_view MediaName(MediaKind kind);  // "jpeg"; "" for kUnknown
std::string_view MediaType(MediaKind kind);  // "image/jpeg"; "" for kUnknown

}  // namespace stockroom
