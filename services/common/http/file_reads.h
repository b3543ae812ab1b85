// Reading files for the event loop, which must not wait for a disk.
//
// The kernel says what it holds in its page cache. What it holds is read or sent on the loop; the
// rest is fetched on an executor first. A page that is dropped in between makes the loop wait after
// all: that needs the memory to run out within milliseconds (Transport::SendFile).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace stockroom::http {

// How many of `size` bytes from `offset` on could be read without waiting for a disk; fewer at the
// end of the file, where a page is missing, and on file systems that can not say (0).
size_t ReadCached(int descriptor, int64_t offset, char* to, size_t size);

// Whether all of it could be read without waiting for a disk. About a microsecond for 256 KiB.
// False for files of other users, of which the kernel does not tell.
bool IsCached(int descriptor, int64_t offset, int64_t length);

// Blocks. DATA_LOSS if the file ends before, or UNAVAILABLE after an I/O error.
absl::StatusOr<std::string> ReadFully(int descriptor, int64_t offset, int64_t length);

}  // namespace stockroom::http
