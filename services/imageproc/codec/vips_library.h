// libvips as this service uses it: one thread a picture, no cache, a short list of formats.
#pragma once

#include <string>

#include "absl/status/status.h"

namespace stockroom::imageproc {

// Starts libvips, blocks every loader and saver but a short list, and checks that it took. Call
// from the main thread before anything else here; later calls return the first one's answer.
// INTERNAL: do not touch untrusted bytes, end the process.
absl::Status InitVips();

// Blocks all loaders and savers, then allows the buffer versions (never files) of: JPEG, PNG, WebP,
// GIF, TIFF and HEIF in; JPEG, PNG and WebP out. InitVips does this; tests that make pictures of
// other formats lift the block and call it again.
void ApplyVipsAllowList();

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
