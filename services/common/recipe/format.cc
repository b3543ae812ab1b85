#include <array>

#include "services/common/recipe/recipe.h"

namespace stockroom {
namespace {

struct FormatNames {
  ImageFormat format;
  std::string_view name;
  std::string_view extension;
  std::string_view media_type;
};

// In the order of the enumeration.
constexpr std::array<FormatNames, 6> kFormats = {{
    {ImageFormat::kAuto, "auto", "", ""},
    {ImageFormat::kJpeg, "jpeg", "jpg", "image/jpeg"},
    {ImageFormat::kPng, "png", "png", "image/png"},
    {ImageFormat::kWebp, "webp", "webp", "image/webp"},
    {ImageFormat::kAvif, "avif", "avif", "image/avif"},
    {ImageFormat::kGif, "gif", "gif", "image/gif"},
}};

const FormatNames& NamesOf(ImageFormat format) { return kFormats[static_cast<size_t>(format)]; }

}  // namespace

std::string_view FormatName(ImageFormat format) { return NamesOf(format).name; }

std::string_view FormatExtension(ImageFormat format) { return NamesOf(format).extension; }

std::string_view FormatMediaType(ImageFormat format) { return NamesOf(format).media_type; }

std::optional<ImageFormat> FormatFromName(std::string_view name) {
  if (name.empty()) return std::nullopt;
  for (const FormatNames& format : kFormats) {
    if (name == format.name || name == format.extension) return format.format;
  }
  return std::nullopt;
}

}  // namespace stockroom
