// What kind of image bytes are, by their first bytes. Names and declared types are never trusted.
#pragma once

#include <cstddef>
#include <string_view>

namespace stockroom {

enum class MediaKind { kUnknown, kJpeg, kPng, kWebp, kGif, kTiff, kAvif };

// Enough of the beginning for SniffMedia.
inline constexpr size_t kSniffBytes = 256;

// kUnknown for anything that Stockroom does not read.
MediaKind SniffMedia(std::string_view beginning);

std::string_view MediaName(MediaKind kind);  // "jpeg"; "" for kUnknown
std::string_view MediaType(MediaKind kind);  // "image/jpeg"; "" for kUnknown

}  // namespace stockroom
