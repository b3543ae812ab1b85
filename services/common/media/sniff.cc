#include "services/common/media/sniff.h"

#include <algorithm>
#include <cstdint>

namespace stockroom {
namespace {

using std::string_view_literals::operator""sv;

uint32_t BigEndian32(std::string_view bytes) {
  uint32_t value = 0;
  for (int i = 0; i < 4; ++i) value = value << 8 | static_cast<uint8_t>(bytes[i]);
  return value;
}

// ISO 14496-12 file type box: size, "ftyp", major brand, minor version, compatible brands. HEIC
// shares AVIF's container but is another codec, so only files that declare AV1 count.
bool IsAvif(std::string_view bytes) {
  if (bytes.size() < 16 || bytes.substr(4, 4) != "ftyp") return false;
  const auto is_av1 = [](std::string_view brand) { return brand == "avif" || brand == "avis"; };
  const std::string_view major = bytes.substr(8, 4);
  if (is_av1(major)) return true;
  if (major != "mif1" && major != "msf1" && major != "miaf") return false;
  const size_t end = std::min<size_t>({BigEndian32(bytes), bytes.size(), kSniffBytes});
  for (size_t at = 16; at + 4 <= end; at += 4) {
    if (is_av1(bytes.substr(at, 4))) return true;
  }
  return false;
}

}  // namespace

MediaKind SniffMedia(std::string_view b) {
  if (b.starts_with("\xFF\xD8\xFF"sv)) return MediaKind::kJpeg;
  if (b.starts_with("\x89PNG\r\n\x1A\n"sv)) return MediaKind::kPng;
  if (b.starts_with("GIF87a"sv) || b.starts_with("GIF89a"sv)) return MediaKind::kGif;
  if (b.size() >= 16 && b.starts_with("RIFF"sv) && b.substr(8, 7) == "WEBPVP8") {
    return MediaKind::kWebp;
  }
  if (b.starts_with("II*\0"sv) || b.starts_with("MM\0*"sv)) return MediaKind::kTiff;
  if (IsAvif(b)) return MediaKind::kAvif;
  return MediaKind::kUnknown;
}

std::string_view MediaName(MediaKind kind) {
  const std::string_view type = MediaType(kind);
  return type.empty() ? type : type.substr(type.find('/') + 1);
}

std::string_view MediaType(MediaKind kind) {
  switch (kind) {
    case MediaKind::kUnknown:
      return "";
    case MediaKind::kJpeg:
      return "image/jpeg";
    case MediaKind::kPng:
      return "image/png";
    case MediaKind::kWebp:
      return "image/webp";
    case MediaKind::kGif:
      return "image/gif";
    case MediaKind::kTiff:
      return "image/tiff";
    case MediaKind::kAvif:
      return "image/avif";
  }
  return "";
}

}  // namespace stockroom
