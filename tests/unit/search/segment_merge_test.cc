#include "tests/unit/search/segment_model.h"

namespace stockroom::api {
namespace {

bool Never() { return false; }
Locator Stays(Locator locator) { return locator; }

// A segment with the documents that it holds, by their numbers in it.
struct Part {
  MergeInput input;
  Model model;

  // Takes some away.
  void Kill(DocumentDice& dice, uint64_t one_in) {
    Model left;
    for (ModelDocument& m : model) {
      if (dice.OneIn(one_in)) {
        input.live.Clear(*input.segment->FindId(m.document.id));
      } else {
        left.push_back(std::move(m));
      }
    }
    model = std::move(left);
  }
};

Part PartOf(Model model) {
  auto segment = BuildOf(model);
  const uint32_t docs = segment->docs();
  return {{std::move(segment), DocBits(docs, true)}, std::move(model)};
}

Part MergeOf(std::vector<Part> parts) {
  std::vector<MergeInput> inputs;
  Part whole;
  for (Part& part : parts) {
    inputs.push_back(part.input);
    whole.model.insert(whole.model.end(), part.model.begin(), part.model.end());
  }
  auto merged = Merge(inputs, Stays, Never);
  EXPECT_TRUE(merged.ok()) << merged.status();
  EXPECT_EQ(merged->new_docs.size(), inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    EXPECT_EQ(merged->new_docs[i].size(), inputs[i].segment->docs());
    bool numbers_right = true;
    for (Doc doc = 0; doc < merged->new_docs[i].size(); ++doc) {
      const Doc to = merged->new_docs[i][doc];
      numbers_right &= inputs[i].live.Test(doc)
                           ? merged->segment->id(to) == inputs[i].segment->id(doc)
                           : to == kNoDoc;
    }
    EXPECT_TRUE(numbers_right);
  }
  whole.input = {merged->segment, DocBits(merged->segment->docs(), true)};
  return whole;
}

TEST(SegmentMergeTest, MergesOfMergesHoldWhatIsAlive) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    SCOPED_TRACE(seed);
    DocumentDice dice(seed);
    uint64_t number = 0;
    std::vector<Part> parts;
    for (int round = 0; round < 3; ++round) {
      for (uint64_t n = 1 + dice.Below(5); n > 0; --n) {
        Model model;
        for (uint64_t docs = dice.Below(60); docs > 0; --docs) model.push_back(dice.Next(number++));
        parts.push_back(PartOf(std::move(model)));
      }
      for (Part& part : parts) part.Kill(dice, 1 + dice.Below(8));
      Part merged = MergeOf(std::move(parts));
      ASSERT_NO_FATAL_FAILURE(ExpectHolds(*merged.input.segment, merged.model));
      // Nothing is left of the dead, and nothing tells how the living came together.
      ASSERT_EQ(BytesOf(*merged.input.segment), BytesOf(*BuildOf(merged.model)));
      parts.clear();
      parts.push_back(std::move(merged));
    }
  }
}

TEST(SegmentMergeTest, MergesWhatFillsChunks) {
  Model all = DocumentDice::Many(140'000);
  std::vector<Model> models(3);
  DocumentDice dice(1);
  // One has every other document, one the newest, one is empty.
  for (ModelDocument& m : all) {
    models[m.document.created_us > 500'000 && dice.OneIn(2) ? 0 : 1].push_back(std::move(m));
  }
  std::vector<Part> parts;
  for (Model& model : models) parts.push_back(PartOf(std::move(model)));
  for (Part& part : parts) part.Kill(dice, 10);
  const Part merged = MergeOf(std::move(parts));
  ASSERT_NO_FATAL_FAILURE(ExpectHolds(*merged.input.segment, merged.model));
  ASSERT_EQ(BytesOf(*merged.input.segment), BytesOf(*BuildOf(merged.model)));
}

TEST(SegmentMergeTest, OfNothingIsEmpty) {
  const auto merged = Merge({}, Stays, Never);
  ASSERT_TRUE(merged.ok());
  EXPECT_EQ(merged->segment->docs(), 0u);
  DocumentDice dice(1);
  Part part = PartOf({dice.Next(1), dice.Next(2)});
  part.Kill(dice, 1);
  EXPECT_EQ(MergeOf({part, part}).input.segment->docs(), 0u);
}

TEST(SegmentMergeTest, MovesEachLivingDocumentOnce) {
  DocumentDice dice(2);
  Model model;
  for (uint64_t i = 0; i < 100; ++i) model.push_back(dice.Next(i));
  Part part = PartOf(std::move(model));
  part.Kill(dice, 3);
  std::vector<Locator> asked;
  const auto merged = Merge(
      {part.input},
      [&](Locator locator) {
        asked.push_back(locator);
        return locator / 2 + 1;
      },
      Never);
  ASSERT_TRUE(merged.ok());
  std::vector<Locator> expected;
  for (ModelDocument& m : part.model) {
    expected.push_back(m.locator);
    m.locator = m.locator / 2 + 1;
  }
  EXPECT_THAT(asked, testing::UnorderedElementsAreArray(expected));
  ExpectHolds(*merged->segment, part.model);
}

TEST(SegmentMergeTest, StopsWhenToldSoBeforeAnythingMoved) {
  DocumentDice dice(2);
  Model model;
  for (uint64_t i = 0; i < 20'000; ++i) {
    model.push_back({DocumentDice::Cheap(i), i});
    model.back().document.terms = {{"t" + std::to_string(i % 7000), 1}};
  }
  const Part part = PartOf(std::move(model));
  int calls = 0;
  ASSERT_TRUE(Merge({part.input}, Stays, [&] { return ++calls < 0; }).ok());
  ASSERT_GT(calls, 2);
  for (int last = 0; last < calls; ++last) {
    int asked = 0;
    const auto merged = Merge(
        {part.input},
        [](Locator locator) {
          ADD_FAILURE() << "moved";
          return locator;
        },
        [&] { return asked++ == last; });
    EXPECT_EQ(merged.status().code(), absl::StatusCode::kCancelled);
  }
}

TEST(SegmentMergeTest, RefusesBitsOfAnotherSegment) {
  const Part part = PartOf({{DocumentDice::Cheap(1), 0}});
  EXPECT_EQ(Merge({{part.input.segment, DocBits(2, true)}}, Stays, Never).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace stockroom::api
