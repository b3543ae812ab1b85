#include "services/imageproc/codec/exif.h"

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "services/common/base/strings.h"

namespace stockroom::imageproc {
namespace {

size_t SequenceLength(unsigned char lead) {
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead < 0xe0) return 2;
  if (lead >= 0xe0 && lead < 0xf0) return 3;
  if (lead >= 0xf0 && lead < 0xf5) return 4;
  return 0;
}

}  // namespace

std::string CleanText(std::string_view text) {
  std::string clean;
  for (size_t at = 0; at < text.size();) {
    const auto lead = static_cast<unsigned char>(text[at]);
    if (lead == 0) break;
    const size_t length = SequenceLength(lead);
    const std::string_view sequence = text.substr(at, length);
    if (length == 0 || sequence.size() < length || !IsCleanUtf8(sequence)) {
      clean += '?';
      ++at;
    } else {
      if (clean.size() + length > kMaxMetadataText) break;
      if (lead < 0x20 || lead == 0x7f) {
        clean += ' ';
      } else {
        clean += sequence;
      }
      at += length;
    }
    if (clean.size() >= kMaxMetadataText) break;
  }
  const size_t first = clean.find_first_not_of(' ');
  if (first == std::string::npos) return "";
  return clean.substr(first, clean.find_last_not_of(' ') - first + 1);
}

std::string ExifValue(std::string_view shown) {
  // From the end: ", N bytes)", ", N components", ", Format". The value itself may hold anything.
  std::string_view head = shown;
  for (int cut = 0; cut < 3; ++cut) {
    const size_t comma = head.rfind(", ");
    if (comma == std::string_view::npos) return CleanText(shown);
    head = head.substr(0, comma);
  }
  // Now `value (explained`. For texts the two are the same, so the middle is known.
  if (head.size() >= 2 && head.size() % 2 == 0) {
    const size_t half = (head.size() - 2) / 2;
    if (head.substr(half, 2) == " (" && head.substr(0, half) == head.substr(half + 2)) {
      return CleanText(head.substr(0, half));
    }
  }
  return CleanText(head.substr(0, head.find(" (")));
}

const std::map<std::string, std::string>& KeptExifFields() {
  static const auto& fields = *new std::map<std::string, std::string>([] {
    std::map<std::string, std::string> by_field;
    for (const char* tag : {"Make", "Model", "Software"}) {
      by_field[absl::StrCat("exif-ifd0-", tag)] = tag;
    }
    for (const char* tag : {"LensMake", "LensModel", "ExposureTime", "FNumber", "ISOSpeedRatings",
                            "FocalLength", "FocalLengthIn35mmFilm", "DateTimeOriginal"}) {
      by_field[absl::StrCat("exif-ifd2-", tag)] = tag;
    }
    for (const char* tag : {"GPSLatitude", "GPSLatitudeRef", "GPSLongitude", "GPSLongitudeRef",
                            "GPSAltitude", "GPSAltitudeRef"}) {
      by_field[absl::StrCat("exif-ifd3-", tag)] = tag;
    }
    return by_field;
  }());
  return fields;
}

std::optional<absl::Time> ParseExifTime(std::string_view text) {
  absl::Time time;
  if (!absl::ParseTime("%Y:%m:%d %H:%M:%S", Av(text), absl::UTCTimeZone(), &time, nullptr)) {
    return std::nullopt;
  }
  // Photography begins in 1826; what does not fit a database's year is not a date either.
  if (time < absl::FromCivil(absl::CivilYear(1826), absl::UTCTimeZone()) ||
      time >= absl::FromCivil(absl::CivilYear(10000), absl::UTCTimeZone())) {
    return std::nullopt;
  }
  return time;
}

}  // namespace stockroom::imageproc
