// A look at a file's structure before any library decodes it: no pixels, no allocation, one pass.
#pragma once

#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"
#include "services/common/media/sniff.h"

namespace stockroom::imageproc {

struct HeaderScan {
  // As stored, before orientation; the largest that any header claims. 0: not looked at.
  int64_t width = 0;
  int64_t height = 0;
  int frames = 1;            // of an animation (GIF, WebP)
  int scans = 1;             // passes over the whole picture that a JPEG is stored in
  bool progressive = false;  // JPEG: not baseline; PNG and GIF: interlaced
  int64_t icc_bytes = 0;
  int64_t exif_bytes = 0;
};

// Reads JPEG, PNG, GIF and WebP to their end or to where they are cut off (which is for the decoder
// to judge); of other kinds nothing is known. Takes time in proportion to `bytes`, about a
// millisecond for each 10 MB. INVALID_ARGUMENT: no picture could come of this (no header, two of
// them, one that contradicts itself).
absl::StatusOr<HeaderScan> ScanHeader(std::string_view bytes, MediaKind kind);

}  // namespace stockroom::imageproc
