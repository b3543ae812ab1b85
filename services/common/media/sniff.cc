#include "services/common/media/sniff.h"

namespace stockroom {
namespace {

using std::string_view_literals::operator""sv;

// ISO base media file: box size, "ftyp", major brand, minor version, compatible brands.
bool IsAvif(std::string_view b) {
  if (b.size() < 16 || b.substr(4, 4) != "ftyp") return false;
  const size_t box = static_cast<unsigned char>(b[2]) << 8 | static_cast<unsigned char>(b[3]);
  if (b[0] != 0 || b[1] != 0) return false;
  const std::string_view brands = b.substr(0, box);
  for (size_t i = 8; i + 4 <= brands.size(); i += 4) {
    if (i == 12) continue;  // minor version
    if (brands.substr(i, 4) == "avif" || brands.substr(i, 4) == "avis") return true;
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
