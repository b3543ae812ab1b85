// The entropy-coded data of a baseline JPEG, decoded about twice as fast as libjpeg does it, and
// every plane at the scale that it is needed at. Headers, tables and progressive files are
// libjpeg's; this takes its word for them, and nothing else.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "services/imageproc/codec/plane_resize.h"

namespace stockroom::imageproc {

struct HuffmanCodes {
  std::array<uint8_t, 17> count = {};  // of each length, 1 to 16
  std::array<uint8_t, 256> symbol = {};
};

struct BaselinePlane {
  int across = 1;  // blocks in a unit of the scan
  int down = 1;
  int size = 8;                                // samples of a decoded block's side: 1, 2, 4 or 8
  std::array<uint16_t, 64> quantisation = {};  // row by row
  HuffmanCodes dc;
  HuffmanCodes ac;
};

// One scan that has all planes, which is all that a baseline file has.
struct BaselineScan {
  int units_across = 0;
  int units_down = 0;
  int restart_interval = 0;  // units; 0: none
  std::vector<BaselinePlane> planes;
};

// `coded` begins behind the header of the scan. Each plane's rows go to the sink with its index.
// INVALID_ARGUMENT: damaged, cut short, or more data than pixels before the end of the image.
absl::Status DecodeBaseline(const BaselineScan& scan, std::string_view coded,
                            std::vector<PlaneResizer>& sinks);

}  // namespace stockroom::imageproc
