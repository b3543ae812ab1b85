// libvips as this service uses it: one thread a picture, no cache, a short list of formats.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace stockroom::imageproc {

// Starts libvips, blocks every loader and saver but a short list, and checks that it took. Call
// from the main thread before anything else here; later calls return the first one's answer.
// INTERNAL: do not touch untrusted bytes, end the process.
absl::Status InitVips();

// What this program is for, given the libvips it is linked to (docs/adr/018).
struct CodecAbilities {
  std::string libvips;  // "8.18.7"
  // MediaName() of what SourceImage opens and FormatName() of what can be written.
  std::vector<std::string> reads;
  std::vector<std::string> writes;
};
// Requires InitVips.
CodecAbilities DescribeCodec();

// Blocks all loaders and savers, then allows the buffer versions (never files) of: JPEG, PNG, WebP,
// GIF, TIFF, AVIF and, in a program that serves rare formats, HEIC and JPEG XL in (watermarks are
// JPEG, PNG or WebP anywhere); JPEG, PNG, WebP, AVIF and GIF out. InitVips does this; tests that
// make pictures of other formats lift the block and call it again.
void ApplyVipsAllowList();

// SVG is not in the list: a process that is told to decode one allows it for itself, just before.
// INVALID_ARGUMENT: this libvips has no loader for it.
absl::Status AllowSvg();

// INTERNAL, with the operation's name, if anything outside the list can be used or anything in it
// can not.
absl::Status CheckVipsAllowList();

// libvips' error text so far on one line, at most 200 characters of clean UTF-8. Empties its global
// buffer, which would otherwise grow for ever.
std::string TakeVipsError();

// The one place where a libvips failure becomes a Status, to be called in a catch block:
// INVALID_ARGUMENT (the file is at fault), OUT_OF_RANGE (it needs more memory than there is).
// `doing`: "decoding the picture".
absl::Status CurrentVipsFailure(const std::string& doing);

}  // namespace stockroom::imageproc
