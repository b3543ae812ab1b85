// Bytes that nobody can guess.
#pragma once

#include <cstddef>
#include <string>

namespace stockroom {

// From the system's generator; ends the process if that fails. Thread-safe.
std::string RandomBytes(size_t count);

// As many of the same generator, for ids that need not be secret: drawn ahead, so that one costs
// nanoseconds where a draw of its own would cost a system call. Not the same in a forked child.
// At most 256 at once.
std::string RandomIdBytes(size_t count);

}  // namespace stockroom
