#include "services/api/search/exec/popularity_column.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace stockroom::api {
namespace {

TEST(PopularityColumnTest, HoldsEveryCountExactly) {
  PopularityColumn column(1000);
  std::vector<uint32_t> expected(column.docs());
  const std::vector<uint32_t> counts = {0,      1,       255,        256,        65'534, 65'535,
                                        65'536, 100'000, 0x7fffffff, 0xffffffff, 12,     0};
  for (size_t round = 0; round < counts.size(); ++round) {
    // Some stay as they are, so that all sizes stand side by side.
    for (Doc doc = 0; doc < column.docs(); ++doc) {
      if ((doc + round) % 3 == 0) continue;
      expected[doc] = counts[(round + doc) % counts.size()];
      column.Set(doc, expected[doc]);
    }
    for (Doc doc = 0; doc < column.docs(); ++doc) ASSERT_EQ(column.At(doc), expected[doc]) << doc;
  }
}

TEST(PopularityColumnTest, OnlyWhereCountsAreLargeItTakesMoreThanTwoBytes) {
  PopularityColumn column(100'000);
  for (Doc doc = 0; doc < column.docs(); ++doc) column.Set(doc, doc % 65'535);
  const uint64_t before = column.bytes();
  EXPECT_LT(before, 100'000 * 2.1);
  column.Set(7, 65'535);
  column.Set(8, 1'000'000);
  EXPECT_EQ(column.bytes(), before + 1024);
  column.Set(7, 3);
  EXPECT_EQ(column.At(7), 3u);
  EXPECT_EQ(column.At(8), 1'000'000u);
}

TEST(PopularityColumnTest, WhoReadsSeesACountBeforeOrAfterItsChange) {
  PopularityColumn column(300);
  std::atomic<bool> stop = false;
  std::vector<std::thread> readers;
  std::atomic<int> wrong = 0;
  for (int n = 0; n < 2; ++n) {
    readers.emplace_back([&] {
      while (!stop) {
        const uint32_t count = column.At(299);
        if (count != 0 && count != 3 && count != 0x12345678 && count != 0x87654321) ++wrong;
      }
    });
  }
  for (int round = 0; round < 20'000; ++round) {
    for (const uint32_t count : {3u, 0x12345678u, 0x87654321u}) column.Set(299, count);
  }
  stop = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace stockroom::api
