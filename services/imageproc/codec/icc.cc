#include "services/imageproc/codec/icc.h"

#include <cmath>
#include <cstdint>
#include <optional>

#include "services/imageproc/codec/exif.h"

namespace stockroom::imageproc {
namespace {

uint32_t BigEndian(std::string_view bytes, size_t at, int length) {
  uint32_t value = 0;
  for (int i = 0; i < length; ++i) value = value << 8 | static_cast<uint8_t>(bytes[at + i]);
  return value;
}

// ICC.1:2010 10.13: records of language, country, length and offset; the first one will do.
std::string MultiLocalizedText(std::string_view tag) {
  if (tag.size() < 28 || BigEndian(tag, 8, 4) == 0) return "";
  const size_t length = BigEndian(tag, 20, 4);
  const size_t offset = BigEndian(tag, 24, 4);
  if (offset > tag.size() || length > tag.size() - offset) return "";
  std::string text;
  for (size_t at = 0; at + 1 < length && text.size() < kMaxMetadataText; at += 2) {
    const uint32_t unit = BigEndian(tag, offset + at, 2);
    text += unit >= 0x20 && unit < 0x7f ? static_cast<char>(unit) : '?';
  }
  return CleanText(text);
}

// The data of a tag (four characters); empty if there is none or it lies about where it is.
std::string_view FindTag(std::string_view profile, std::string_view name) {
  constexpr size_t kHeader = 128;
  constexpr size_t kEntry = 12;
  if (profile.size() < kHeader + 4) return {};
  const size_t count = BigEndian(profile, kHeader, 4);
  for (size_t i = 0; i < count && kHeader + 4 + (i + 1) * kEntry <= profile.size(); ++i) {
    const size_t entry = kHeader + 4 + i * kEntry;
    if (profile.substr(entry, 4) != name) continue;
    const size_t offset = BigEndian(profile, entry + 4, 4);
    const size_t length = BigEndian(profile, entry + 8, 4);
    if (offset > profile.size() || length > profile.size() - offset) return {};
    return profile.substr(offset, length);
  }
  return {};
}

struct Chromaticity {
  double x = 0;
  double y = 0;
};

// ICC.1:2010 10.31: 'XYZ ', four zero bytes, three s15Fixed16 numbers.
std::optional<Chromaticity> Primary(std::string_view profile, std::string_view tag_name) {
  const std::string_view tag = FindTag(profile, tag_name);
  if (!tag.starts_with("XYZ ") || tag.size() < 20) return std::nullopt;
  double xyz[3];
  for (size_t i = 0; i < 3; ++i) {
    xyz[i] = static_cast<int32_t>(BigEndian(tag, 8 + 4 * i, 4)) / 65536.0;
  }
  const double sum = xyz[0] + xyz[1] + xyz[2];
  if (!(sum > 0.001)) return std::nullopt;
  return Chromaticity{xyz[0] / sum, xyz[1] / sum};
}

double TriangleArea(Chromaticity a, Chromaticity b, Chromaticity c) {
  return std::abs((b.x - a.x) * (c.y - a.y) - (c.x - a.x) * (b.y - a.y)) / 2;
}

}  // namespace

std::string IccDescription(std::string_view profile) {
  const std::string_view tag = FindTag(profile, "desc");
  if (tag.starts_with("mluc")) return MultiLocalizedText(tag);
  if (tag.starts_with("desc") && tag.size() > 12) {
    return CleanText(tag.substr(12, BigEndian(tag, 8, 4)));
  }
  return "";
}

bool IsSrgbProfile(std::string_view profile) {
  const std::string name = IccDescription(profile);
  // GIMP's "Linear sRGB" and scRGB have sRGB's colours, but not its curve.
  if (name.find("inear") != std::string::npos || name.find("scRGB") != std::string::npos) {
    return false;
  }
  // "c2" is the tiny sRGB profile that phones and websites embed.
  return name.find("sRGB") != std::string::npos || name == "c2";
}

bool HasWideGamut(std::string_view profile) {
  if (profile.size() < 128 || profile.substr(16, 4) != "RGB " || IsSrgbProfile(profile)) {
    return false;
  }
  const auto red = Primary(profile, "rXYZ");
  const auto green = Primary(profile, "gXYZ");
  const auto blue = Primary(profile, "bXYZ");
  if (!red || !green || !blue) return false;
  // sRGB's own, adapted to D50 as profiles have them. Display P3 has 0.1438, Adobe RGB 0.1467.
  constexpr double kSrgbArea = 0.1091;
  return TriangleArea(*red, *green, *blue) > 1.1 * kSrgbArea;
}

}  // namespace stockroom::imageproc
