// The first look at a stranger's file: sniffing, header limits, and what an SVG may contain. The
// first byte of the input says as what the rest is scanned.
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "services/common/media/sniff.h"
#include "services/imageproc/codec/header_scan.h"
#include "services/imageproc/codec/svg_check.h"
#include "tests/fuzz/target.h"

namespace {

using stockroom::MediaKind;
using stockroom::imageproc::HeaderScan;
using std::string_literals::operator""s;

void Require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "broken: %s\n", what);
  std::abort();
}

void TryScan(std::string_view bytes, MediaKind kind) {
  const auto scan = stockroom::imageproc::ScanHeader(bytes, kind);
  if (!scan.ok()) {
    Require(absl::IsInvalidArgument(scan.status()), "a refusal that is none");
    return;
  }
  const auto size = static_cast<int64_t>(bytes.size());
  Require(scan->width >= 0 && scan->height >= 0, "a negative size");
  Require(scan->frames >= 1 && scan->scans >= 0, "less than no frames");
  // What is counted is there: so no header can make a number up.
  Require(scan->frames <= 1 + size / 8 && scan->scans <= 1 + size / 4, "more parts than bytes");
  Require(scan->icc_bytes <= size && scan->exif_bytes <= size, "more metadata than bytes");
}

void TrySvg(std::string_view document) {
  if (!stockroom::imageproc::CheckSvg(document).ok()) return;
  Require(document.find("<!ENTITY") == std::string_view::npos, "entities");
  Require(document.find("@import") == std::string_view::npos, "an import");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const MediaKind sniffed = stockroom::SniffMedia(bytes, stockroom::SvgPolicy::kAllowed);
  Require(sniffed == MediaKind::kSvg || sniffed == stockroom::SniffMedia(bytes),
          "a kind that depends on whether SVG is allowed");
  constexpr MediaKind kKinds[] = {MediaKind::kJpeg, MediaKind::kPng, MediaKind::kGif,
                                  MediaKind::kWebp};
  if (data[0] % 5 == 4) {
    TrySvg(bytes);
  } else {
    TryScan(bytes, kKinds[data[0] % 5]);
  }
  return 0;
}

std::vector<std::string> FuzzSeeds() {
  const std::string scan = "\xff\xda\0\x08\x01\x01\0\0\x3f\0ab\xff\0\xff\xd1z"s;
  const std::string frame = "\xff\xc2\0\x0b\x08\0\x10\0\x20\x01\x01\x11\0"s;
  const std::string icc = "\xff\xe2\0\x12ICC_PROFILE\0\x01\x01xx"s;
  const std::string exif =
      "\xff\xe1\0\x0a"
      "Exif\0\0yy"s;
  const std::string ihdr =
      "\0\0\0\x0dIHDR\0\0\0\x10\0\0\0\x20\x08\x06\0\0\x01"
      "crc!"s;
  // Digits 0 to 4 are 48 to 52: 48 % 5 is 3.
  return {
      "2\xff\xd8"s + icc + exif + frame + scan + scan + "\xff\xd9"s,
      "3\x89PNG\r\n\x1a\n"s + ihdr + "\0\0\0\x03iCCPabccrc!"s + "\0\0\0\0IENDcrc!"s,
      "4GIF89a\x10\0\x08\0\x80\0\0cccccc\x21\xf9\x04----\0,\0\0\0\0\x10\0\x08\0\x40\x02\x01z\0;"s,
      "0RIFF\x40\0\0\0WEBPVP8X\x0a\0\0\0\x02\0\0\0\x2b\x01\0\xc7\0\0ANMF\x03\0\0\0abc\0"s,
      "0RIFF\x20\0\0\0WEBPVP8 \x0a\0\0\0\0\0\0\x9d\x01\x2a\x10\0\x10\0"s,
      "1<?xml version=\"1.0\"?><!-- ' --><svg><style>a{fill:url(#b)}</style>"
      "<a href=\"http://x\"/><image xlink:href='data:image/png;base64,AA'/><![CDATA[<]]></svg>",
      "1<svg style=\"fill:url(http://x)\"><!ENTITY a 'b'></svg>"};
}
