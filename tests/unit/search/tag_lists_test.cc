// Tags by document, in runs and lists, against the postings that they are made of.
#include "services/api/search/exec/tag_lists.h"

#include <gmock/gmock.h>

#include <cstdio>
#include <random>
#include <string>
#include <vector>

#include "services/api/domain/validation.h"

namespace stockroom::api {
namespace {

using testing::ElementsAreArray;

std::string TagOf(uint32_t number) {
  char text[16];
  std::snprintf(text, sizeof(text), "t%06u", number);
  return text;
}

class TagListsTest : public testing::Test {
 protected:
  // `tags`: numbers, ascending.
  void Add(std::vector<uint32_t> tags) {
    IndexedDocument document;
    // Newest first.
    document.created_us = -static_cast<int64_t>(documents_.size());
    document.id = std::to_string(documents_.size());
    for (const uint32_t tag : tags) {
      document.terms.push_back({TagOf(tag), static_cast<Payload>(kWholeTag | 4)});
    }
    // A word that is no tag.
    document.terms.push_back({"word", 1});
    builder_.Add(document, 0);
    documents_.push_back(std::move(tags));
  }

  // Tags have the numbers that they were added with: `most` or fewer, all of which somebody has.
  void Expect(uint32_t most, uint32_t runs) {
    const std::shared_ptr<const Segment> segment = builder_.Build();
    std::vector<TermOrd> terms;
    for (uint32_t tag = 0; tag < most; ++tag) terms.push_back(segment->FindTerm(TagOf(tag)));
    const TagLists lists(*segment, terms, runs);
    std::vector<std::vector<uint32_t>> all = InRuns(lists, segment->docs());
    for (Doc doc = 0; doc < segment->docs(); ++doc) {
      std::vector<uint32_t>& found = all[doc];
      lists.ForEach(doc, 0xffffffff, [&](uint32_t number) { found.push_back(number); });
      ASSERT_THAT(found, ElementsAreArray(documents_[doc])) << doc;
      // Up to any of them.
      const uint32_t end = found.empty() ? 0 : found[doc % found.size()];
      const auto first = std::lower_bound(found.begin(), found.end(), runs * TagRuns::kTags);
      const auto last = std::max(first, std::lower_bound(found.begin(), found.end(), end));
      std::vector<uint32_t> before;
      lists.ForEach(doc, end, [&](uint32_t number) { before.push_back(number); });
      ASSERT_GE(before.size(), static_cast<size_t>(last - first));
      ASSERT_TRUE(std::equal(before.begin(), before.end(), first)) << doc;
    }
  }

  // By document.
  static std::vector<std::vector<uint32_t>> InRuns(const TagLists& lists, uint32_t docs) {
    std::vector<std::vector<uint32_t>> numbers(docs);
    for (size_t run = 0; run < lists.runs().size(); ++run) {
      const TagRuns& runs = lists.runs()[run];
      Doc begun = 0;
      for (uint32_t g = 0; g < runs.groups(); ++g) {
        const TagRuns::Group group = runs.group(g);
        EXPECT_EQ(group.begun, begun);
        for (uint32_t i = 0; i < group.words * 64; ++i) {
          begun += group.firsts[i / 64] >> i % 64 & 1;
          if (i == 0) {
            EXPECT_EQ(group.first, begun - 1);
          }
          if (group.numbers[i] == TagRuns::kNone) continue;
          numbers[begun - 1].push_back(static_cast<uint32_t>(run) * TagRuns::kTags +
                                       group.numbers[i]);
        }
        EXPECT_EQ(group.behind, begun);
      }
      EXPECT_EQ(begun, docs);
    }
    return numbers;
  }

  SegmentBuilder builder_;
  std::vector<std::vector<uint32_t>> documents_;
};

TEST_F(TagListsTest, HoldTheTagsOfEachDocument) {
  constexpr uint32_t kTags = 70'000;
  std::mt19937 random(20261122);
  std::vector<uint32_t> all(kTags);
  for (uint32_t tag = 0; tag < kTags; ++tag) all[tag] = tag;
  // Somebody has each; and all kinds of numbers are in one list, up to as many as there may be.
  for (uint32_t tag = 0; tag < kTags; tag += kMaxTags) {
    Add({all.begin() + tag, all.begin() + std::min(kTags, tag + uint32_t{kMaxTags})});
  }
  for (int i = 0; i < 2000; ++i) {
    std::vector<uint32_t> tags;
    const uint32_t below = std::vector<uint32_t>{40, 300, 5000, kTags}[random() % 4];
    for (size_t n = random() % 4 == 0 ? kMaxTags : random() % 20; n > 0; --n) {
      tags.push_back(static_cast<uint32_t>(random() % below));
    }
    std::sort(tags.begin(), tags.end());
    tags.erase(std::unique(tags.begin(), tags.end()), tags.end());
    Add(std::move(tags));
  }
  Expect(kTags, 2);
}

TEST_F(TagListsTest, GoOnInTheNextChunk) {
  for (uint32_t i = 0; i < kChunkDocs + 70; ++i) Add({i % 3, 3 + i % 500});
  Expect(503, 1);
}

TEST_F(TagListsTest, MayBeEmpty) {
  Expect(0, 0);
  Add({});
  Add({0});
  Expect(1, 1);
}

TEST_F(TagListsTest, OfMoreTagsThanThereMayBeTheFirstAreKept) {
  std::vector<uint32_t> many(2000);
  for (uint32_t tag = 0; tag < many.size(); ++tag) many[tag] = tag;
  for (int i = 0; i < 130; ++i) Add(many);
  const std::shared_ptr<const Segment> segment = builder_.Build();
  std::vector<TermOrd> terms;
  for (const uint32_t tag : many) terms.push_back(segment->FindTerm(TagOf(tag)));
  const TagLists lists(*segment, terms, 1);
  for (Doc doc = 0; doc < segment->docs(); ++doc) {
    uint32_t next = TagRuns::kTags;
    lists.ForEach(doc, 0xffffffff, [&](uint32_t number) { ASSERT_EQ(number, next++); });
    EXPECT_GT(next, TagRuns::kTags + kMaxTags);
  }
}

}  // namespace
}  // namespace stockroom::api
