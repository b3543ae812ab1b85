#include "services/api/domain/fresh_images.h"

#include <gtest/gtest.h>

#include "services/api/search/memory_search_index.h"

namespace stockroom::api {
namespace {

class FreshImagesTest : public ::testing::Test {
 protected:
  static Image Of(const std::string& id, int64_t revision) {
    return {.id = id, .state = ImageState::kReady, .revision = revision};
  }
  void Follow(const std::string& id, int64_t revision) {
    index_.Apply({Of(id, revision)}, {});
    images_.Followed(id, revision);
  }

  Metrics metrics_;
  MemorySearchIndex index_{metrics_};
  FreshImages images_{{.most_noted = 2}, index_};
};

TEST_F(FreshImagesTest, WhatWasWrittenHereIsNotReadOlderThanThat) {
  Follow("a", 1);
  EXPECT_EQ(images_.Find("a")->revision, 1);
  images_.Wrote("a", 3);
  EXPECT_EQ(images_.Find("a"), nullptr) << "the store knows";
  EXPECT_FALSE(images_.IsCurrent(Of("a", 1)));
  EXPECT_TRUE(images_.IsCurrent(Of("a", 3)));
  Follow("a", 2);
  EXPECT_EQ(images_.Find("a"), nullptr);
  Follow("a", 3);
  EXPECT_EQ(images_.Find("a")->revision, 3);
}

TEST_F(FreshImagesTest, WhatWasDeletedHereIsGoneAtOnce) {
  Follow("a", 1);
  images_.Deleted("a");
  EXPECT_EQ(images_.Find("a"), nullptr);
  EXPECT_FALSE(images_.IsCurrent(Of("a", 7)));
  images_.Followed("a", 5);
  EXPECT_FALSE(images_.IsCurrent(Of("a", 7)));
  index_.Apply({}, {"a"});
  images_.FollowedDeletion("a");
  EXPECT_EQ(images_.Find("a"), nullptr);
}

TEST_F(FreshImagesTest, PastItsBoundTheStoreIsAskedUntilTheIndexHasCaughtUp) {
  for (const char* id : {"a", "b", "c", "d", "e"}) Follow(id, 1);
  for (const char* id : {"a", "b", "c", "d"}) images_.Wrote(id, 2);
  EXPECT_EQ(images_.Find("e"), nullptr);
  Follow("a", 2);
  Follow("b", 2);
  Follow("c", 2);
  EXPECT_EQ(images_.Find("e"), nullptr) << "d is still to come";
  Follow("d", 2);
  EXPECT_NE(images_.Find("e"), nullptr);
}

TEST_F(FreshImagesTest, ALoadedIndexHasAllThatWasWrittenBefore) {
  images_.Wrote("a", 1);
  const uint64_t mark = images_.Mark();
  images_.Wrote("b", 2);
  index_.Apply({Of("a", 1), Of("b", 1)}, {});
  images_.FollowedAll(mark);
  EXPECT_NE(images_.Find("a"), nullptr);
  EXPECT_EQ(images_.Find("b"), nullptr);
}

}  // namespace
}  // namespace stockroom::api
