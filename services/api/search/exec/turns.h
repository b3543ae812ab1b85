// Counting by values that often repeat.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace stockroom::api {

// In turns: adding to what was just added to would wait for it.
inline constexpr uint32_t kTurns = 4;
using Turns = std::vector<std::array<uint32_t, kTurns>>;  // by value

inline void CountEach(const uint8_t* values, uint32_t count, Turns& turns) {
  uint32_t i = 0;
  for (; i + sizeof(uint64_t) <= count; i += sizeof(uint64_t)) {
    uint64_t eight = 0;
    __builtin_memcpy(&eight, values + i, sizeof(eight));
    // The compiler would leave the loop as it is.
#pragma GCC unroll 8
    for (uint32_t n = 0; n < sizeof(eight); ++n) ++turns[eight >> 8 * n & 0xff][n % kTurns];
  }
  for (; i < count; ++i) ++turns[values[i]][0];
}

inline uint32_t SumOf(const std::array<uint32_t, kTurns>& turns) {
  uint32_t sum = 0;
  for (const uint32_t part : turns) sum += part;
  return sum;
}

}  // namespace stockroom::api
