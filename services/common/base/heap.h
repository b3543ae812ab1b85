// What a process does with freed memory.
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

// As glibc starts, small blocks that a thread frees are put aside as they are, and all of them are
// joined with their neighbours whenever a large one is freed: whoever frees many small ones and now
// and then a large one, as an index that takes in images does, tidies up again and again. From now
// on each is joined at once. Of the whole process, as above.
void JoinFreedMemory();

}  // namespace stockroom
