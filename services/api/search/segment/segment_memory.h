// Where segments lie.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace stockroom::api {

// `bytes` of zeros, aligned to eight; null if there is no memory. From kHugeSegment on they lie
// outside of the heap, in huge pages where the kernel has some: a search reads a few bytes in many
// places, and with pages of 4 KiB a quarter of its time goes into finding them.
std::shared_ptr<uint64_t[]> AllocateSegment(size_t bytes);

// A huge page of x86-64, and of arm64 with pages of 4 KiB.
inline constexpr size_t kHugeSegment = size_t{2} << 20;

}  // namespace stockroom::api
