// How much freed memory a process keeps.
#pragma once

#include <cstddef>

namespace stockroom {

// As glibc starts, memory at the end of a heap goes back to the kernel once 128 KiB of it are free,
// and a block of that size always: whoever moves large pieces then gets the same pages again and
// again, each zeroed by a fault. From now on each heap (some threads share one) keeps up to `bytes`
// there, and blocks of less than half as much lie in heaps: thresholds that glibc itself arrives at
// when a block of half as much is freed. Of the whole process; the last call counts; other
// allocators do not listen. Any thread.
void KeepFreedMemory(size_t bytes);

}  // namespace stockroom
