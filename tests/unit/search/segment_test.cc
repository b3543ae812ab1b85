#include "tests/unit/search/segment_model.h"

namespace stockroom::api {
namespace {

Model RandomModel(DocumentDice& dice, size_t docs) {
  Model model;
  for (size_t i = 0; i < docs; ++i) model.push_back(dice.Next(i));
  return model;
}

TEST(SegmentTest, HoldsWhatANaiveModelHolds) {
  for (uint64_t seed = 0; seed < 30; ++seed) {
    SCOPED_TRACE(seed);
    DocumentDice dice(seed);
    const Model model = RandomModel(dice, seed < 5 ? seed : dice.Below(300));
    ASSERT_NO_FATAL_FAILURE(ExpectHolds(*BuildOf(model), model));
  }
}

TEST(SegmentTest, HoldsAsManyAsFillChunks) {
  for (const uint32_t docs : {0u, 1u, 65'535u, 65'536u, 65'537u, 200'000u}) {
    SCOPED_TRACE(docs);
    const Model model = DocumentDice::Many(docs);
    ASSERT_NO_FATAL_FAILURE(ExpectHolds(*BuildOf(model), model));
  }
}

TEST(SegmentTest, NumbersOfNeighboursTakeFewBits) {
  constexpr uint32_t kDocs = 20'000;
  constexpr int64_t kSecond = 1'000'000;
  Model model;
  for (uint32_t i = 0; i < kDocs; ++i) {
    ModelDocument& m = model.emplace_back(ModelDocument{DocumentDice::Cheap(i), i * uint64_t{40}});
    m.document.created_us = 1'700'000'000 * kSecond + i * kSecond + i * 40503 % 1'000'000;
  }
  // One of another time costs its own block more, and no other.
  model[0].document.created_us = -5;
  const auto segment = BuildOf(model);
  ASSERT_NO_FATAL_FAILURE(ExpectHolds(*segment, model));
  // Flags, length and MD5 take seven; as differences to the least of all, times and places nine.
  EXPECT_LT(segment->parts().columns, kDocs * 13);
}

TEST(SegmentTest, TheOrderOfAddingMakesNoDifference) {
  DocumentDice dice(7);
  Model model = RandomModel(dice, 200);
  const std::string bytes = BytesOf(*BuildOf(model));
  std::reverse(model.begin(), model.end());
  EXPECT_EQ(BytesOf(*BuildOf(model)), bytes);
}

TEST(SegmentTest, AnEmptyBuilderGivesAnEmptySegment) {
  const auto segment = SegmentBuilder().Build();
  EXPECT_EQ(segment->docs(), 0u);
  EXPECT_EQ(segment->terms(), 0u);
  EXPECT_EQ(segment->looks(), nullptr);
  EXPECT_EQ(segment->FindTerm("fox"), kNoTerm);
  EXPECT_EQ(segment->TermsWithPrefix(""), std::pair(0u, 0u));
}

TEST(SegmentTest, VisitingTermsStopsWhenToldSo) {
  DocumentDice dice(3);
  const auto segment = BuildOf(RandomModel(dice, 50));
  ASSERT_GT(segment->terms(), 40u);
  std::vector<TermOrd> visited;
  segment->VisitTerms(19, 40, [&](TermOrd term, std::string_view) {
    visited.push_back(term);
    return visited.size() < 3;
  });
  EXPECT_THAT(visited, testing::ElementsAre(19u, 20u, 21u));
}

TEST(DocBitsTest, CopiesShareUntilOneChanges) {
  DocBits bits(150'000, true);
  EXPECT_EQ(bits.count(), 150'000u);
  EXPECT_EQ(bits.chunk(0), bits.chunk(1));
  const DocBits before = bits;
  bits.Clear(65'536);
  bits.Clear(65'536);
  bits.Clear(200'000);
  EXPECT_EQ(bits.count(), 149'999u);
  EXPECT_EQ(bits.count(0), 65'536u);
  EXPECT_EQ(bits.count(1), 65'535u);
  EXPECT_EQ(bits.count(2), 18'928u);
  EXPECT_EQ(before.count(1), 65'536u);
  EXPECT_FALSE(bits.Test(65'536));
  EXPECT_TRUE(before.Test(65'536));
  EXPECT_TRUE(bits.Test(0));
  EXPECT_EQ(before.chunk(0), bits.chunk(0));
  EXPECT_EQ(before.chunk(2), bits.chunk(2));
  DocBits none(150'000);
  EXPECT_EQ(none.chunk(2), nullptr);
  none.Set(149'999);
  none.Set(149'999);
  none.Set(150'000);
  EXPECT_EQ(none.count(), 1u);
  EXPECT_EQ(none.count(1), 0u);
  EXPECT_EQ(none.count(2), 1u);
  EXPECT_TRUE(none.Test(149'999));
}

TEST(DocBitsTest, BitsPastTheEndAreNotSet) {
  for (const uint32_t docs : {0u, 1u, 63u, 64u, 65u, 65'535u, 65'536u, 65'537u}) {
    const DocBits bits(docs, true);
    uint32_t set = 0;
    for (uint32_t chunk = 0; chunk < bits.chunks(); ++chunk) {
      for (const uint64_t word : *bits.chunk(chunk)) {
        set += static_cast<uint32_t>(__builtin_popcountll(word));
      }
    }
    EXPECT_EQ(set, docs);
    EXPECT_EQ(bits.count(), docs);
  }
}

}  // namespace
}  // namespace stockroom::api
