// The implementations behind Kernels(). For this folder only.
#pragma once

#include "services/api/search/exec/set_kernels.h"

namespace stockroom::api::set_kernels {

extern const SetKernels kPortable;
#if defined(__x86_64__)
extern const SetKernels kAvx2;    // with BMI2
extern const SetKernels kAvx512;  // with VPOPCNTDQ and VBMI2
#endif

// What vectors leave over.

// Merges from given places on.
uint32_t MergeFrom(const uint16_t* a, uint32_t na, uint32_t i, const uint16_t* b, uint32_t nb,
                   uint32_t j, uint16_t* out);
// From `first`, which is a multiple of 64, on.
uint32_t TestEachFrom(uint32_t first, const uint64_t* bits, const uint16_t* docs, uint32_t count,
                      uint64_t* hits);
// 64 bits from bit `at` on.
inline uint64_t BitsFrom(const uint64_t* bits, uint32_t at) {
  // Two steps: a shift by 64 is none.
  return bits[at / 64] >> at % 64 | bits[at / 64 + 1] << 1 << (63 - at % 64);
}
// Bits of `wanted` and all behind them up to the next of `firsts`, of which these are some. Bit 0
// of `goes_on` says whether what began before is wanted.
inline uint64_t Runs(uint64_t firsts, uint64_t wanted, uint64_t goes_on) {
  // As a sum carries: out of what is wanted, and on through what begins nothing.
  const uint64_t inside = ~firsts;
  const uint64_t sum = (wanted | inside) + wanted + goes_on;
  return wanted | (inside & ~sum);
}

uint32_t PickBytesSingly(const uint64_t* rows, const uint8_t* bytes, uint32_t count, uint8_t* out);

}  // namespace stockroom::api::set_kernels
