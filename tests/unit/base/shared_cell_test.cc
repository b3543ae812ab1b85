#include "services/common/base/shared_cell.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace stockroom {
namespace {

// Counts how many of it there are.
struct Counted {
  Counted(std::atomic<int>& all, int n) : alive(all), first(n), last(n) { ++alive; }
  ~Counted() {
    first = -1;
    last = -2;
    --alive;
  }
  std::atomic<int>& alive;
  int first;
  int last;
};

TEST(SharedCell, GivesWhatWasStoredLastAndLetsTheOthersGo) {
  std::atomic<int> alive = 0;
  {
    SharedCell<const Counted> cell(std::make_shared<const Counted>(alive, 1));
    const auto first = cell.Load();
    cell.Store(std::make_shared<const Counted>(alive, 2));
    EXPECT_EQ(first->first, 1);
    EXPECT_EQ(cell.Load()->first, 2);
    cell.Store(std::make_shared<const Counted>(alive, 3));
    EXPECT_EQ(alive, 2);  // the first by its holder, and the third
  }
  EXPECT_EQ(alive, 0);
}

TEST(SharedCell, ReadersSeeWholeValuesInOrderAndNothingIsLeftBehind) {
  std::atomic<int> alive = 0;
  {
    SharedCell<const Counted> cell(std::make_shared<const Counted>(alive, 0));
    std::atomic<bool> done = false;
    std::vector<std::thread> readers;
    for (int r = 0; r < 4; ++r) {
      readers.emplace_back([&] {
        int newest = 0;
        while (!done) {
          const auto value = cell.Load();
          ASSERT_EQ(value->first, value->last);
          ASSERT_GE(value->first, newest);
          newest = value->first;
        }
      });
    }
    for (int n = 1; n <= 20'000; ++n) cell.Store(std::make_shared<const Counted>(alive, n));
    done = true;
    for (std::thread& reader : readers) reader.join();
    EXPECT_EQ(cell.Load()->first, 20'000);
    EXPECT_EQ(alive, 1);
  }
  EXPECT_EQ(alive, 0);
}

}  // namespace
}  // namespace stockroom
