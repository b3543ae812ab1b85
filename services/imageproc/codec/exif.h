// EXIF texts out of untrusted metadata, cleaned and bounded.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "absl/time/time.h"

namespace stockroom::imageproc {

// Longest text that leaves this file, in bytes.
inline constexpr size_t kMaxMetadataText = 200;

// Valid UTF-8 (other bytes become '?') without control characters or blanks at the ends.
std::string CleanText(std::string_view text);

// libvips shows a tag as `value (explained, Format, N components, N bytes)`; this is the value.
std::string ExifValue(std::string_view shown);

// libvips' field name ("exif-ifd2-FNumber") to the tag name, for the tags that are kept.
const std::map<std::string, std::string>& KeptExifFields();

// "2011:04:25 01:55:30" as UTC; nullopt if it is no date (cameras write blanks or zeros).
std::optional<absl::Time> ParseExifTime(std::string_view text);

}  // namespace stockroom::imageproc
