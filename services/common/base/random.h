// Bytes that nobody can guess.
#pragma once

#include <cstddef>
#include <string>

namespace stockroom {

// From the system's generator; ends the process if that fails. Thread-safe.
std::string RandomBytes(size_t count);

}  // namespace stockroom
