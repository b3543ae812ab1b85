// What holds for every upload, of blobs and of renditions.
#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"

namespace stockroom::fileserver {

// OUT_OF_RANGE if `more` bytes on top of `have` are more than `limit`.
absl::Status CheckRoom(int64_t have, size_t more, int64_t limit);

// INVALID_ARGUMENT if nothing arrived, or not the `sent` bytes that the sender speaks of.
absl::Status CheckComplete(int64_t arrived, int64_t sent);

}  // namespace stockroom::fileserver
