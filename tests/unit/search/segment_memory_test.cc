#include "services/api/search/segment/segment_memory.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <string>

namespace stockroom::api {
namespace {

// Whether the kernel was asked for huge pages there. One that can not give any keeps no such flag.
bool IsAskedToBeHuge(const void* at) {
  std::ifstream maps("/proc/self/smaps");
  bool is_there = false;
  for (std::string line; std::getline(maps, line);) {
    uintptr_t begin = 0;
    uintptr_t end = 0;
    if (std::sscanf(line.c_str(), "%" SCNxPTR "-%" SCNxPTR " ", &begin, &end) == 2) {
      const auto address = reinterpret_cast<uintptr_t>(at);
      is_there = begin <= address && address < end;
    } else if (is_there && line.starts_with("VmFlags:")) {
      std::istringstream flags(line);
      for (std::string flag; flags >> flag;) {
        if (flag == "hg") return true;
      }
    }
  }
  return false;
}

TEST(SegmentMemoryTest, IsZeroAndCanBeWrittenToItsLastByte) {
  for (const size_t bytes : {size_t{0}, size_t{8}, size_t{4096}, kHugeSegment - 8, kHugeSegment,
                             kHugeSegment + 8, 3 * kHugeSegment - 16}) {
    SCOPED_TRACE(bytes);
    const std::shared_ptr<uint64_t[]> memory = AllocateSegment(bytes);
    ASSERT_NE(memory, nullptr);
    EXPECT_TRUE(std::all_of(memory.get(), memory.get() + bytes / 8,
                            [](uint64_t word) { return word == 0; }));
    std::fill_n(memory.get(), bytes / 8, ~uint64_t{0});
  }
}

TEST(SegmentMemoryTest, OfALargeSegmentIsAskedToLieInHugePages) {
  if (!std::ifstream("/sys/kernel/mm/transparent_hugepage/enabled")) {
    GTEST_SKIP() << "this kernel has no huge pages";
  }
  const std::shared_ptr<uint64_t[]> memory = AllocateSegment(2 * kHugeSegment);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(memory.get()) % kHugeSegment, 0u);
  EXPECT_TRUE(IsAskedToBeHuge(memory.get()));
  EXPECT_TRUE(IsAskedToBeHuge(memory.get() + 2 * kHugeSegment / 8 - 1));
}

TEST(SegmentMemoryTest, ThatThereIsNotEnoughOfIsNull) {
  EXPECT_EQ(AllocateSegment(size_t{1} << 62), nullptr);
}

}  // namespace
}  // namespace stockroom::api
