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
uint32_t PickBytesSingly(const uint64_t* rows, const uint8_t* bytes, uint32_t count, uint8_t* out);

}  // namespace stockroom::api::set_kernels
