// Numbers as protobuf writes them.
#pragma once

#include <cstddef>
#include <cstdint>

namespace stockroom::api {

inline constexpr size_t kLongestVarint = 10;

// Gives where it ends, at most kLongestVarint behind `to`.
inline char* PutVarint(uint64_t number, char* to) {
  for (; number >= 0x80; number >>= 7) *to++ = static_cast<char>(number | 0x80);
  *to++ = static_cast<char>(number);
  return to;
}

}  // namespace stockroom::api
