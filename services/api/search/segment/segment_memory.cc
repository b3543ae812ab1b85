#include "services/api/search/segment/segment_memory.h"

#include <sys/mman.h>

#include <new>

namespace stockroom::api {
namespace {

// Null if there is none. To be unmapped by its size.
uint8_t* MapHuge(size_t bytes) {
  // More than is needed, so that it can begin where a huge page does.
  const size_t reserved = bytes + kHugeSegment;
  void* const at = mmap(nullptr, reserved, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                        /*fd=*/-1, /*offset=*/0);
  if (at == MAP_FAILED) return nullptr;
  auto* const begin = static_cast<uint8_t*>(at);
  const size_t before = -reinterpret_cast<uintptr_t>(begin) % kHugeSegment;
  if (before > 0) munmap(begin, before);
  if (const size_t behind = reserved - before - bytes; behind > 0) {
    munmap(begin + before + bytes, behind);
  }
  madvise(begin + before, bytes, MADV_HUGEPAGE);
  return begin + before;
}

size_t RoundUp(size_t bytes, size_t to) { return (bytes + to - 1) / to * to; }

}  // namespace

std::shared_ptr<uint64_t[]> AllocateSegment(size_t bytes) {
  if (bytes < kHugeSegment) {
    return std::shared_ptr<uint64_t[]>(new (std::nothrow) uint64_t[RoundUp(bytes, 8) / 8]());
  }
  constexpr size_t kPage = size_t{64} << 10;  // the largest that a kernel of ours may have
  const size_t mapped = RoundUp(bytes, kPage);
  uint8_t* const at = MapHuge(mapped);
  if (at == nullptr) return nullptr;
  return {reinterpret_cast<uint64_t*>(at), [mapped](uint64_t* begin) { munmap(begin, mapped); }};
}

}  // namespace stockroom::api
