#include "services/common/base/crc32c.h"

#include <array>
#include <cstddef>
#include <cstring>

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

namespace stockroom {
namespace {

constexpr uint32_t kPolynomial = 0x82f63b78;  // reflected

// tables[k][b]: what byte b does k bytes later.
constexpr auto kTables = [] {
  std::array<std::array<uint32_t, 256>, 8> tables{};
  for (uint32_t b = 0; b < 256; ++b) {
    uint32_t crc = b;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc & 1) != 0 ? kPolynomial : 0);
    tables[0][b] = crc;
  }
  for (size_t k = 1; k < 8; ++k) {
    for (size_t b = 0; b < 256; ++b) {
      tables[k][b] = tables[k - 1][b] >> 8 ^ tables[0][tables[k - 1][b] & 0xff];
    }
  }
  return tables;
}();

uint64_t Load64(const char* at) {
  uint64_t word = 0;
  std::memcpy(&word, at, 8);
  return word;
}

#if defined(__x86_64__)
// The instruction takes three cycles and a new one can start every cycle: three stretches at once,
// joined by what kLane zero bytes do to a checksum (a linear map, so four tables of bytes).
constexpr size_t kLane = 512;
using LaneTables = std::array<std::array<uint32_t, 256>, 4>;

LaneTables MakeLaneTables() {
  std::array<uint32_t, 32> basis{};
  for (uint32_t bit = 0; bit < 32; ++bit) {
    uint32_t crc = uint32_t{1} << bit;
    for (size_t i = 0; i < kLane; ++i) crc = crc >> 8 ^ kTables[0][crc & 0xff];
    basis[bit] = crc;
  }
  LaneTables tables{};
  for (uint32_t k = 0; k < 4; ++k) {
    for (uint32_t b = 0; b < 256; ++b) {
      for (uint32_t bit = 0; bit < 8; ++bit) {
        if ((b >> bit & 1) != 0) tables[k][b] ^= basis[8 * k + bit];
      }
    }
  }
  return tables;
}

__attribute__((target("sse4.2"))) uint32_t FastCrc32c(std::string_view bytes, uint32_t before) {
  static const LaneTables shift = MakeLaneTables();
  const auto later = [](uint64_t crc) {
    return shift[0][crc & 0xff] ^ shift[1][crc >> 8 & 0xff] ^ shift[2][crc >> 16 & 0xff] ^
           shift[3][crc >> 24 & 0xff];
  };
  const char* at = bytes.data();
  size_t left = bytes.size();
  uint64_t crc = ~before;
  for (; left >= 3 * kLane; at += 3 * kLane, left -= 3 * kLane) {
    uint64_t second = 0;
    uint64_t third = 0;
    for (size_t i = 0; i < kLane; i += 8) {
      crc = _mm_crc32_u64(crc, Load64(at + i));
      second = _mm_crc32_u64(second, Load64(at + kLane + i));
      third = _mm_crc32_u64(third, Load64(at + 2 * kLane + i));
    }
    crc = later(later(crc) ^ second) ^ third;
  }
  for (; left >= 8; at += 8, left -= 8) crc = _mm_crc32_u64(crc, Load64(at));
  uint32_t rest = static_cast<uint32_t>(crc);
  for (; left > 0; ++at, --left) rest = _mm_crc32_u8(rest, static_cast<uint8_t>(*at));
  return ~rest;
}
#endif

}  // namespace

uint32_t PortableCrc32c(std::string_view bytes, uint32_t before) {
  const char* at = bytes.data();
  size_t left = bytes.size();
  uint32_t crc = ~before;
  // Eight bytes at a time only where the first byte of a word is the lowest.
  if constexpr (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__) {
    for (; left >= 8; at += 8, left -= 8) {
      const uint64_t word = Load64(at) ^ crc;
      crc = 0;
      for (size_t k = 0; k < 8; ++k) crc ^= kTables[7 - k][word >> 8 * k & 0xff];
    }
  }
  for (; left > 0; ++at, --left) {
    crc = crc >> 8 ^ kTables[0][(crc ^ static_cast<uint8_t>(*at)) & 0xff];
  }
  return ~crc;
}

uint32_t Crc32c(std::string_view bytes, uint32_t before) {
#if defined(__x86_64__)
  static const bool fast = __builtin_cpu_supports("sse4.2");
  if (fast) return FastCrc32c(bytes, before);
#endif
  return PortableCrc32c(bytes, before);
}

}  // namespace stockroom
