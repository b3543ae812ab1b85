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

// ISO 14496-12 file type box: size, "ftyp", major brand, minor version, compatible brands. AVIF and
// HEIC share the container; only files that declare AV1 are AVIF.
MediaKind SniffBoxes(std::string_view bytes) {
  if (bytes.size() < 16 || bytes.substr(4, 4) != "ftyp") return MediaKind::kUnknown;
  const auto is_av1 = [](std::string_view brand) { return brand == "avif" || brand == "avis"; };
  const std::string_view major = bytes.substr(8, 4);
  if (is_av1(major)) return MediaKind::kAvif;
  for (const std::string_view brand :
       {"heic"sv, "heix"sv, "heim"sv, "heis"sv, "hevc"sv, "hevx"sv, "hevm"sv, "hevs"sv}) {
    if (major == brand) return MediaKind::kHeic;
  }
  if (major != "mif1" && major != "msf1" && major != "miaf") return MediaKind::kUnknown;
  const size_t end = std::min<size_t>({BigEndian32(bytes), bytes.size(), kSniffBytes});
  for (size_t at = 16; at + 4 <= end; at += 4) {
    if (is_av1(bytes.substr(at, 4))) return MediaKind::kAvif;
  }
  return MediaKind::kHeic;
}

// Removes `open` ... `close` from the front.
bool SkipPast(std::string_view& text, std::string_view open, std::string_view close) {
  if (!text.starts_with(open)) return false;
  const size_t end = text.find(close, open.size());
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + close.size());
  return true;
}

bool IsSvg(std::string_view text) {
  text = text.substr(0, kSniffBytes);
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  for (;;) {
    text.remove_prefix(std::min(text.find_first_not_of(" \t\r\n"), text.size()));
    if (SkipPast(text, "<!--", "-->") || SkipPast(text, "<?", "?>") ||
        SkipPast(text, "<!DOCTYPE svg", ">")) {
      continue;
    }
    if (!text.starts_with("<svg") || text.size() < 5) return false;
    return std::string_view(" \t\r\n/>").find(text[4]) != std::string_view::npos;
  }
}

}  // namespace

MediaKind SniffMedia(std::string_view b, SvgPolicy svg) {
  if (b.starts_with("\xFF\xD8\xFF"sv)) return MediaKind::kJpeg;
  if (b.starts_with("\x89PNG\r\n\x1A\n"sv)) return MediaKind::kPng;
  if (b.starts_with("GIF87a"sv) || b.starts_with("GIF89a"sv)) return MediaKind::kGif;
  if (b.size() >= 16 && b.starts_with("RIFF"sv) && b.substr(8, 7) == "WEBPVP8") {
    return MediaKind::kWebp;
  }
  if (b.starts_with("II*\0"sv) || b.starts_with("MM\0*"sv)) return MediaKind::kTiff;
  // A bare codestream, or boxes around it.
  if (b.starts_with("\xFF\x0A"sv) || b.starts_with("\0\0\0\x0CJXL \r\n\x87\n"sv)) {
    return MediaKind::kJxl;
  }
  if (svg == SvgPolicy::kAllowed && IsSvg(b)) return MediaKind::kSvg;
  return SniffBoxes(b);
}

std::string_view MediaName(MediaKind kind) {
  if (kind == MediaKind::kSvg) return "svg";
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
    case MediaKind::kHeic:
      return "image/heic";
    case MediaKind::kJxl:
      return "image/jxl";
    case MediaKind::kSvg:
      return "image/svg+xml";
  }
  return "";
}

}  // namespace stockroom
