// Which format bytes are in, by their content. File names and media types from outside never count.
#pragma once

#include <optional>
#include <string_view>

namespace stockroom::imageproc {

enum class SourceFormat { kJpeg, kPng, kWebp, kGif, kTiff, kAvif };

// nullopt: not a format that is read here. HEIC shares AVIF's container but is another codec, so
// only files that declare AV1 count.
std::optional<SourceFormat> SniffFormat(std::string_view bytes);

std::string_view SourceFormatName(SourceFormat format);       // "jpeg"
std::string_view SourceFormatMediaType(SourceFormat format);  // "image/jpeg"

}  // namespace stockroom::imageproc
