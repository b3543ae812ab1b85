#include "services/api/search/segment/segment_memory.h"

#include <sys/mman.h>

#include <new>

#include "services/api/search/segment/segment_format.h"

namespace stockroom::api {

std::shared_ptr<uint64_t[]> AllocateSegment(size_t bytes) {
  if (bytes < kHugeSegment) {
    return std::shared_ptr<uint64_t[]>(new (std::nothrow)
                                           uint64_t[segment_format::FilledUp(bytes) / 8]());
  }
  // More addresses than are needed, so that it can begin where a huge page does.
  const size_t reserved = bytes + kHugeSegment;
  void* const at = mmap(nullptr, reserved, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                        /*fd=*/-1, /*offset=*/0);
  if (at == MAP_FAILED) return nullptr;
  auto* const begin = static_cast<uint8_t*>(at);
  uint8_t* const aligned = begin + -reinterpret_cast<uintptr_t>(begin) % kHugeSegment;
  madvise(aligned, bytes, MADV_HUGEPAGE);
  return {reinterpret_cast<uint64_t*>(aligned),
          [begin, reserved](uint64_t*) { munmap(begin, reserved); }};
}

}  // namespace stockroom::api
