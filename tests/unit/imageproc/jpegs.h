// JPEG files of every kind, made on the spot, and read again by libjpeg alone.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace stockroom::imageproc::testing {

struct JpegKind {
  int width = 64;
  int height = 48;
  int horizontal = 2;  // sampling of luma; chroma's is 1
  int vertical = 2;
  enum class Colors { kGrey, kYcc, kRgb, kCmyk } colors = Colors::kYcc;
  bool progressive = false;
  bool many_scans = false;  // progressive, one scan for nearly every coefficient
  int restart_interval = 0;
  int quality = 90;
  bool optimize = false;
  bool noise = false;  // long codes and no flat blocks; otherwise smooth
};

std::string MakeJpeg(const JpegKind& kind);

struct RawPlane {
  int width = 0;
  int height = 0;
  std::vector<uint8_t> samples;
};

// The planes as stored, at full size. Empty if libjpeg refuses or warns.
std::vector<RawPlane> ReadRawPlanes(const std::string& jpeg);

}  // namespace stockroom::imageproc::testing
