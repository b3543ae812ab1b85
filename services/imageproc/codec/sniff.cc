#include "services/imageproc/codec/sniff.h"

#include <algorithm>
#include <cstdint>

namespace stockroom::imageproc {
namespace {

using namespace std::string_view_literals;

uint32_t BigEndian32(std::string_view bytes) {
  uint32_t value = 0;
  for (int i = 0; i < 4; ++i) value = value << 8 | static_cast<uint8_t>(bytes[i]);
  return value;
}

// ISO 14496-12 file type box: size, "ftyp", major brand, minor version, compatible brands.
bool IsAvif(std::string_view bytes) {
  if (bytes.size() < 16 || bytes.substr(4, 4) != "ftyp") return false;
  const auto is_av1 = [](std::string_view brand) { return brand == "avif" || brand == "avis"; };
  const std::string_view major = bytes.substr(8, 4);
  if (is_av1(major)) return true;
  if (major != "mif1" && major != "msf1" && major != "miaf") return false;
  const size_t end = std::min<size_t>({BigEndian32(bytes), bytes.size(), 256});
  for (size_t at = 16; at + 4 <= end; at += 4) {
    if (is_av1(bytes.substr(at, 4))) return true;
  }
  return false;
}

}  // namespace

std::optional<SourceFormat> SniffFormat(std::string_view bytes) {
  if (bytes.starts_with("\xff\xd8\xff")) return SourceFormat::kJpeg;
  if (bytes.starts_with("\x89PNG\r\n\x1a\n")) return SourceFormat::kPng;
  if (bytes.size() >= 16 && bytes.starts_with("RIFF") && bytes.substr(8, 4) == "WEBP") {
    return SourceFormat::kWebp;
  }
  if (bytes.starts_with("GIF87a") || bytes.starts_with("GIF89a")) return SourceFormat::kGif;
  if (bytes.starts_with("II\x2a\0"sv) || bytes.starts_with("MM\0\x2a"sv))
    return SourceFormat::kTiff;
  if (IsAvif(bytes)) return SourceFormat::kAvif;
  return std::nullopt;
}

std::string_view SourceFormatName(SourceFormat format) {
  return SourceFormatMediaType(format).substr("image/"sv.size());
}

std::string_view SourceFormatMediaType(SourceFormat format) {
  switch (format) {
    case SourceFormat::kJpeg:
      return "image/jpeg";
    case SourceFormat::kPng:
      return "image/png";
    case SourceFormat::kWebp:
      return "image/webp";
    case SourceFormat::kGif:
      return "image/gif";
    case SourceFormat::kTiff:
      return "image/tiff";
    case SourceFormat::kAvif:
      return "image/avif";
  }
  return "";
}

}  // namespace stockroom::imageproc
