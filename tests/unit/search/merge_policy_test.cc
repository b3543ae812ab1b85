#include "services/api/search/merge_policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>

namespace stockroom::api {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

constexpr uint64_t kAny = std::numeric_limits<uint64_t>::max();

std::vector<SegmentSize> Whole(const std::vector<uint32_t>& docs) {
  std::vector<SegmentSize> sizes;
  for (const uint32_t n : docs) sizes.push_back({.docs = n, .live = n});
  return sizes;
}

TEST(MergePolicy, MergesATierOnceItIsFullWithAllThatIsSmaller) {
  EXPECT_THAT(ChooseMerge(Whole({500, 500, 500, 1}), kAny), IsEmpty());
  EXPECT_THAT(ChooseMerge(Whole({100000, 500, 1, 500, 500, 400}), kAny),
              UnorderedElementsAre(1, 2, 3, 4, 5));
  EXPECT_THAT(ChooseMerge(Whole({1, 2, 3, 4}), kAny), SizeIs(4));
}

TEST(MergePolicy, LeavesLargerMergesToOthers) {
  const std::vector<SegmentSize> sizes = Whole({3000, 3000, 3000, 3000, 5, 5, 5, 5});
  EXPECT_THAT(ChooseMerge(sizes, 4096), UnorderedElementsAre(4, 5, 6, 7));
  EXPECT_THAT(ChooseMerge(sizes, kAny), SizeIs(8));
  EXPECT_THAT(ChooseMerge(Whole({2u << 20, 2u << 20, 2u << 20, 2u << 20}), kAny), IsEmpty());
}

TEST(MergePolicy, ThrowsHolesAway) {
  EXPECT_THAT(ChooseMerge({{.docs = 3000, .live = 1499}}, kAny), ElementsAre(0));
  EXPECT_THAT(ChooseMerge({{.docs = 3000, .live = 1499}}, 1000), IsEmpty());
  EXPECT_THAT(ChooseMerge({{.docs = 3000, .live = 1500}}, kAny), IsEmpty());
  EXPECT_THAT(ChooseMerge({{.docs = 1000, .live = 1}}, kAny), IsEmpty());
}

TEST(MergePolicy, LeavesAloneWhatIsBeingMerged) {
  std::vector<SegmentSize> sizes = Whole({500, 500, 500, 500});
  sizes[1].busy = true;
  EXPECT_THAT(ChooseMerge(sizes, kAny), IsEmpty());
  EXPECT_THAT(ChooseSmallest(sizes), UnorderedElementsAre(0, 2, 3));
  EXPECT_THAT(ChooseMerge({{.docs = 3000, .live = 1, .busy = true}}, kAny), IsEmpty());
}

TEST(MergePolicy, TakesTheSmallestWhenThereAreTooMany) {
  EXPECT_THAT(ChooseSmallest(Whole({900, 10, 8000, 30, 1, 70, 2, 6, 400, 5000})),
              ElementsAre(4, 6, 7, 1, 3, 5, 8, 0));
  EXPECT_THAT(ChooseSmallest(Whole({7})), IsEmpty());
}

// Adds `batches` of `docs` each, merging whenever it is time to.
void ExpectFew(uint32_t batches, uint32_t docs, double most_segments, double most_rewrites) {
  std::vector<uint32_t> segments;
  uint64_t rewritten = 0;
  uint64_t sum_of_counts = 0;
  size_t peak = 0;
  for (uint32_t b = 0; b < batches; ++b) {
    segments.push_back(docs);
    for (;;) {
      const std::vector<size_t> chosen = ChooseMerge(Whole(segments), kAny);
      if (chosen.empty()) break;
      uint32_t merged = 0;
      for (const size_t i : chosen) {
        merged += segments[i];
        segments[i] = 0;
      }
      rewritten += merged;
      std::erase(segments, 0u);
      segments.push_back(merged);
    }
    sum_of_counts += segments.size();
    peak = std::max(peak, segments.size());
  }
  EXPECT_EQ(std::accumulate(segments.begin(), segments.end(), 0u), batches * docs);
  EXPECT_LE(static_cast<double>(sum_of_counts) / batches, most_segments);
  EXPECT_LE(peak, most_segments * 2);
  EXPECT_LE(static_cast<double>(rewritten), most_rewrites * batches * docs);
}

TEST(MergePolicy, KeepsSegmentsFewAndRewritesSeldom) {
  ExpectFew(2000, 500, 12, 7);
  ExpectFew(20000, 1, 15, 9);
  ExpectFew(200, 5000, 12, 5);
}

}  // namespace
}  // namespace stockroom::api
