// JPEG to a smaller JPEG without leaving YCbCr: the planes are decoded at the smallest scale that
// serves, each is resized as it lies (chroma is never upsampled), and encoded again. Neither a
// colour conversion nor a picture in between. Only for plain files; everything else goes through
// libvips, as does whatever is found to be damaged here: who calls it falls back.
//
// Nothing here knows EXIF or colour profiles: the caller looks at them first.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "services/common/recipe/recipe.h"
#include "services/imageproc/codec/plane_resize.h"

namespace stockroom::imageproc {

struct JpegFacts {
  Size size;  // as stored, before EXIF's orientation
  bool progressive = false;
  // Y, Cb, Cr or grey, 8 bits, Huffman-coded, chroma halved or not: what is read here.
  bool plain = false;
};

// From the header. INVALID_ARGUMENT: damaged, or no JPEG.
absl::StatusOr<JpegFacts> ReadJpegFacts(std::string_view bytes);

// `target` lies as the file does (before EXIF's orientation), is not larger, and has about its
// proportions: neither axis shrinks more than 4 times as much as the other.
bool CanResizeInPlanes(const JpegFacts& facts, Size target);

// How the planes of a picture lie upon each other.
enum class ChromaLayout {
  kHalved,  // chroma has half the width and height, rounded up, and lies in the middle (4:2:0)
  kFull,    // 4:4:4
};

// One plane (grey) or three (Y, Cb, Cr).
struct PlanarPicture {
  Size size;
  ChromaLayout layout = ChromaLayout::kHalved;
  std::vector<Plane> planes;
};

// Decodes and resizes. Takes memory for the result and some rows of the source; progressive files
// 2 bytes for each sample of the source besides. Errors: INVALID_ARGUMENT (damaged or cut short),
// FAILED_PRECONDITION (CanResizeInPlanes says no), OUT_OF_RANGE (too much memory, too many scans).
absl::StatusOr<PlanarPicture> DecodePlanes(std::string_view bytes, Size target,
                                           ChromaLayout layout);

// Written as EncodePicture (encode.h) has libvips write it.
struct JpegStyle {
  int quality = 80;       // 1 to 100
  bool optimize = false;  // Huffman tables made for this picture: smaller, and slower
};
// Chroma is halved up to quality 90.
ChromaLayout LayoutFor(int quality);

// INTERNAL: libjpeg refused.
absl::StatusOr<std::string> EncodePlanes(const PlanarPicture& picture, const JpegStyle& style);

// The whole way. Errors as of DecodePlanes.
absl::StatusOr<std::string> ResizeJpeg(std::string_view bytes, Size target, const JpegStyle& style);

}  // namespace stockroom::imageproc
