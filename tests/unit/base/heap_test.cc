#include "services/common/base/heap.h"

#include <gtest/gtest.h>
#include <malloc.h>
#include <sys/resource.h>

#include <cstring>
#include <memory>
#include <thread>
#include <vector>

namespace stockroom {
namespace {

constexpr size_t kBlock = 256 << 10;

long Faults() {
  rusage usage{};
  getrusage(RUSAGE_THREAD, &usage);
  return usage.ru_minflt;
}

// As a stream's pieces: some MiB at once, and all of them freed.
void TakeAndFree() {
  std::vector<std::unique_ptr<char[]>> blocks;
  for (int i = 0; i < 32; ++i) {
    blocks.push_back(std::make_unique_for_overwrite<char[]>(kBlock));
    std::memset(blocks.back().get(), i, kBlock);
  }
}

TEST(Heap, GivesFreedPagesAgainWithoutFaults) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer allocates";
#endif
  KeepFreedMemory(32 << 20);
  std::thread([] {
    TakeAndFree();
    const long before = Faults();
    for (int i = 0; i < 10; ++i) TakeAndFree();
    EXPECT_LT(Faults() - before, 1'000) << "of 20,480 pages";
  }).join();
}

TEST(Heap, JoinsSmallBlocksAtOnce) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer allocates";
#endif
  JoinFreedMemory();
  {
    std::vector<std::unique_ptr<char[]>> blocks;
    for (int i = 0; i < 1'000; ++i) blocks.push_back(std::make_unique_for_overwrite<char[]>(40));
  }
  EXPECT_EQ(mallinfo2().fsmblks, 0u) << "bytes put aside";
}

}  // namespace
}  // namespace stockroom
