#include "services/api/domain/catalog.h"

#include <gtest/gtest.h>

#include <set>

#include "services/common/base/status.h"
#include "services/common/blobs/blocking.h"
#include "tests/unit/api/backstage.h"

namespace stockroom::api {
namespace {

class CatalogTest : public Backstage {
 protected:
  std::string Put(const std::string& content, Visibility visibility = Visibility::kPublic) {
    return Upload(Png(content), {.described = {.visibility = visibility}})->image.id;
  }
  Catalog catalog_{*store_, blobs_, Clock::Real()};
};

TEST_F(CatalogTest, WhatOthersMayNotReadIsNotThereForThem) {
  const std::string secret = Put("secret", Visibility::kPrivate);
  EXPECT_TRUE(catalog_.Get(Anna(), secret).ok());
  EXPECT_TRUE(absl::IsNotFound(catalog_.Get(Ben(), secret).status()));
  EXPECT_TRUE(absl::IsNotFound(catalog_.Delete(Call(), Ben(), secret).status()));
  EXPECT_EQ(catalog_.List(Ben(), 10, "")->images.size(), 0u);
  const std::string unlisted = Put("unlisted", Visibility::kUnlisted);
  EXPECT_TRUE(catalog_.Get(Ben(), unlisted).ok()) << "has the link";
  EXPECT_EQ(catalog_.List(Ben(), 10, "")->images.size(), 0u);
}

TEST_F(CatalogTest, OnlyItsOwnerChangesAnImage) {
  const std::string id = Put("a");
  EXPECT_TRUE(absl::IsPermissionDenied(
      catalog_.Update(Ben(), id, {DescribedField::kTitle}, {.title = "x"}).status()));
  EXPECT_TRUE(absl::IsPermissionDenied(catalog_.Delete(Call(), Ben(), id).status()));
  const auto updated = catalog_.Update(Anna(), id, {DescribedField::kTitle},
                                       {.title = "new", .description = "not in the mask"});
  EXPECT_EQ(updated->image.described.title, "new");
  EXPECT_EQ(updated->image.described.description, "");
  EXPECT_EQ(updated->image.revision, 2);
  EXPECT_TRUE(catalog_.Delete(Call(), Anna(), id).ok());
  EXPECT_TRUE(absl::IsNotFound(catalog_.Get(Anna(), id).status()));
}

TEST_F(CatalogTest, PagesNeitherSkipNorRepeatWhileImagesCome) {
  std::set<std::string> wanted;
  for (int i = 0; i < 7; ++i) wanted.insert(Put("page" + std::to_string(i)));
  std::set<std::string> seen;
  std::string token;
  do {
    const auto page = catalog_.List(Anna(), 2, token);
    ASSERT_TRUE(page.ok()) << page.status();
    for (const Image& image : page->images) EXPECT_TRUE(seen.insert(image.id).second);
    token = page->next_page_token;
    Put("late" + std::to_string(seen.size()));
  } while (!token.empty());
  for (const std::string& id : wanted) EXPECT_TRUE(seen.contains(id));
}

TEST_F(CatalogTest, RefusesTokensAndIdsItDidNotMake) {
  for (const char* token : {"x", "bGlzdDE6", "bGlzdDE6eDp5"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(catalog_.List(Anna(), 1, token).status())) << token;
  }
  EXPECT_TRUE(absl::IsInvalidArgument(catalog_.List(Anna(), 501, "").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(catalog_.Get(Anna(), "../etc").status()));
}

TEST_F(CatalogTest, ALateResultIsAddedUnderItsNameAndBounded) {
  const std::string id = Put("a");
  EXPECT_EQ(catalog_.PutAnalysis(Anna(), id, "cats", "{\"n\":2}")->image.analysis.at("cats"),
            "{\"n\":2}");
  EXPECT_TRUE(absl::IsInvalidArgument(catalog_.PutAnalysis(Anna(), id, "No Name", "{}").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(
      catalog_.PutAnalysis(Anna(), id, "big", std::string(65537, ' ')).status()));
}

TEST_F(CatalogTest, TheLastImageOfItsBytesTakesTheRenditionsAlong) {
  const std::string first = Put("shared");
  const auto second = Upload(Png("shared"), {.allow_duplicate = true});
  const RenditionAddress address{Digest::Of(Png("shared")), std::string(32, 'a')};
  ASSERT_TRUE(WriteRendition(blobs_, Call(), address, "jpeg").ok());
  ASSERT_EQ(blobs_.rendition_count(), 1u);
  ASSERT_TRUE(catalog_.Delete(Call(), Anna(), first).ok());
  EXPECT_EQ(blobs_.rendition_count(), 1u) << "the other image shows it still";
  ASSERT_TRUE(catalog_.Delete(Call(), Anna(), second->image.id).ok());
  EXPECT_EQ(blobs_.rendition_count(), 0u);
}

}  // namespace
}  // namespace stockroom::api
