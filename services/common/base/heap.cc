#include "services/common/base/heap.h"

#include <malloc.h>

namespace stockroom {

void KeepFreedMemory(size_t bytes) {
  mallopt(M_MMAP_THRESHOLD, static_cast<int>(bytes / 2));
  mallopt(M_TRIM_THRESHOLD, static_cast<int>(bytes));
}

void JoinFreedMemory() { mallopt(M_MXFAST, 0); }

}  // namespace stockroom
