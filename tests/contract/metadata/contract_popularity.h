// The MetadataStore contract: views and downloads.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "tests/contract/metadata/contract_fixture.h"

namespace stockroom::api {

class PopularityContract : public MetadataStoreContract {
 protected:
  void Count(const std::vector<Popularity>& increments) {
    EXPECT_EQ(Code(store().popularity().AddPopularity(increments)), absl::StatusCode::kOk);
  }
  PopularityStore::Page Read(const PopularityStore::Cursor& after = {}, int limit = 100) {
    return Value(store().popularity().ReadPopularity(after, limit));
  }
  void Delete(const std::string& id) { Value(store().DeleteImage(id, kNoon, Allow)); }
};

TEST_P(PopularityContract, AddsUp) {
  Create("a");
  Create("b");
  EXPECT_TRUE(Read().images.empty());
  Count({{"b", 2, 0}, {"a", 1, 1}, {"b", 1, 4}});
  EXPECT_THAT(Read().images, ::testing::ElementsAre(Popularity{"a", 1, 1}, Popularity{"b", 3, 4}));
  Count({{"a", 10, 0}});
  EXPECT_THAT(Read().images, ::testing::ElementsAre(Popularity{"b", 3, 4}, Popularity{"a", 11, 1}));
  Count({});
}

TEST_P(PopularityContract, PassesOverImagesThatDoNotExist) {
  Create("a");
  Create("b");
  Count({{"a", 1, 0}, {"b", 1, 0}});
  Delete("a");
  EXPECT_THAT(Read().images, ::testing::ElementsAre(Popularity{"b", 1, 0}));
  Count({{"a", 1, 0}, {"b", 1, 0}, {"never", 1, 0}});
  EXPECT_THAT(Read().images, ::testing::ElementsAre(Popularity{"b", 2, 0}));
  // An id is given once; should it come again, it starts from nothing.
  Create("a");
  Count({{"a", 1, 0}});
  EXPECT_THAT(Read().images, ::testing::Contains(Popularity{"a", 1, 0}));
}

TEST_P(PopularityContract, ChangesNoImageAndTellsNobody) {
  const Image before = Create("a");
  const size_t events = Events().size();
  Count({{"a", 5, 5}});
  EXPECT_EQ(Value(store().GetImage("a")), before);
  EXPECT_EQ(Events().size(), events);
}

TEST_P(PopularityContract, IsReadFromWhereOneStopped) {
  std::vector<Popularity> all;
  for (char c = 'a'; c <= 'i'; ++c) {
    Create(std::string(1, c));
    all.push_back({std::string(1, c), 1, 0});
  }
  Count(all);
  Count({{"c", 1, 0}, {"e", 1, 0}});
  // In small pages, within one change, too.
  std::vector<std::string> seen;
  PopularityStore::Cursor cursor;
  for (;;) {
    const PopularityStore::Page page = Read(cursor, 2);
    for (const Popularity& one : page.images) seen.push_back(one.image_id);
    cursor = page.next;
    if (page.images.size() < 2) break;
  }
  EXPECT_THAT(seen, ::testing::ElementsAre("a", "b", "d", "f", "g", "h", "i", "c", "e"));
  EXPECT_TRUE(Read(cursor).images.empty());
  EXPECT_EQ(Read(cursor).next, cursor);
  Count({{"a", 0, 7}});
  EXPECT_THAT(Read(cursor).images, ::testing::ElementsAre(Popularity{"a", 1, 7}));
}

// As two apis that write at once, a third that reads, and somebody who deletes.
TEST_P(PopularityContract, LosesNothingWhenManyCountAtOnce) {
  constexpr int kImages = 12;
  constexpr int kRounds = 15;
  for (int i = 0; i < kImages; ++i) Create("i" + std::to_string(i));
  std::map<std::string, int64_t> followed;
  PopularityStore::Cursor cursor;
  const auto follow = [&] {
    const PopularityStore::Page page = Read(cursor, 5);
    for (const Popularity& one : page.images) followed[one.image_id] = one.views;
    cursor = page.next;
    return !page.images.empty();
  };
  InThreads(4, [&](int thread) {
    for (int round = 0; round < kRounds; ++round) {
      if (thread == 3) {
        follow();
        if (round == 7) Delete("i0");
        continue;
      }
      std::vector<Popularity> some;
      for (int i = 0; i < kImages; ++i) some.push_back({"i" + std::to_string(i), 1, 2});
      // In another order each.
      std::rotate(some.begin(), some.begin() + thread * 4, some.end());
      Count(some);
    }
  });
  while (follow()) {
  }
  for (int i = 1; i < kImages; ++i) {
    EXPECT_EQ(followed["i" + std::to_string(i)], 3 * kRounds) << i;
  }
  EXPECT_EQ(Read().images.size(), kImages - 1u);
}

}  // namespace stockroom::api
