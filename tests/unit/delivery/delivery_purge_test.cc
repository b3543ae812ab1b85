// What was changed or taken away is not shown any more, here and at other apis.
#include <gtest/gtest.h>

#include "tests/unit/delivery/delivery_fixture.h"

namespace stockroom::api {
namespace {

class DeliveryPurgeTest : public DeliveryFixture {
 protected:
  bool InMemory(RenditionCache& cache, const Image& image) {
    return cache.Find({image.sha256, image.renditions[0].key}) != nullptr;
  }
  void Delete(const Image& image) { ASSERT_TRUE(catalog_->Delete(Call(), Anna(), image.id).ok()); }
};

TEST_F(DeliveryPurgeTest, WhatWasDeletedHereIsGoneWhenTheDeletionIsAnswered) {
  const Image image = Ready("a", Visibility::kPublic, "stored");
  ASSERT_TRUE(Find(image, "thumb.jpg").ok());
  here_->follower.Stop();
  Delete(image);
  EXPECT_NE(here_->index.Find(image.id), nullptr) << "the feed was not followed";
  EXPECT_EQ(AtHand(delivery(), image, "thumb.jpg"), std::nullopt);
  EXPECT_EQ(Reason(Find(image, "thumb.jpg").status()), "IMAGE_NOT_FOUND");
  EXPECT_EQ(Reason(Find(image, "original").status()), "IMAGE_NOT_FOUND");
  EXPECT_FALSE(InMemory(cache(), image));
  EXPECT_EQ(blobs_.rendition_count(), 0u);
}

TEST_F(DeliveryPurgeTest, WhatWasMadePrivateHereIsPrivateWhenTheChangeIsAnswered) {
  const Image image = Ready("a", Visibility::kPublic, "stored");
  ASSERT_TRUE(Find(image, "thumb.jpg", Ben()).ok());
  here_->follower.Stop();
  ASSERT_TRUE(catalog_
                  ->Update(Anna(), image.id, {DescribedField::kVisibility},
                           {.visibility = Visibility::kPrivate})
                  .ok());
  EXPECT_EQ(AtHand(delivery(), image, "thumb.jpg", Ben()), std::nullopt);
  EXPECT_EQ(Reason(Find(image, "thumb.jpg", Ben()).status()), "IMAGE_NOT_FOUND");
  EXPECT_TRUE(Find(image, "thumb.jpg").ok());
}

TEST_F(DeliveryPurgeTest, WhatWasHiddenHereIsPurgedAtOnce) {
  Image image = Ready("a", Visibility::kPublic, "stored");
  const Image other = Ready("b", Visibility::kPublic, "other");
  ASSERT_TRUE(Find(image, "thumb.jpg").ok());
  ASSERT_TRUE(Find(other, "thumb.jpg").ok());
  here_->follower.Stop();
  image.state = ImageState::kFlagged;
  ++image.revision;
  delivery().Changed(image);
  EXPECT_FALSE(InMemory(cache(), image));
  EXPECT_TRUE(InMemory(cache(), other));
  EXPECT_EQ(AtHand(delivery(), image, "thumb.jpg"), std::nullopt);
  EXPECT_EQ(blobs_.rendition_count(), 1u);
}

TEST_F(DeliveryPurgeTest, OtherApisPurgeWhatTheFeedSaysIsGone) {
  const Image image = Ready("a", Visibility::kPublic, "stored");
  const Image other = Ready("b", Visibility::kPublic, "other");
  Replica there(*store_, blobs_, renderer_, executor_, timers_, DefaultOptions());
  CatchUp(there);
  ASSERT_TRUE(Begin(there.delivery, Asking(image, "thumb.jpg")).get().ok());
  ASSERT_TRUE(Begin(there.delivery, Asking(other, "thumb.jpg")).get().ok());
  Delete(image);
  CatchUp(there);
  EXPECT_FALSE(InMemory(there.cache, image));
  EXPECT_TRUE(InMemory(there.cache, other));
  EXPECT_EQ(AtHand(there.delivery, image, "thumb.jpg"), std::nullopt);
  EXPECT_EQ(AtHand(there.delivery, other, "thumb.jpg"), "other");
  EXPECT_EQ(Reason(Begin(there.delivery, Asking(image, "thumb.jpg")).get().status()),
            "IMAGE_NOT_FOUND");
}

TEST_F(DeliveryPurgeTest, ReprocessingPurgesMemoryEverywhere) {
  const Image image = Ready("a", Visibility::kPublic, "stored");
  Replica there(*store_, blobs_, renderer_, executor_, timers_, DefaultOptions());
  CatchUp(there);
  ASSERT_TRUE(Find(image, "thumb.jpg").ok());
  ASSERT_TRUE(Begin(there.delivery, Asking(image, "thumb.jpg")).get().ok());
  ASSERT_TRUE(store_->EnqueueJobs({&image.id, 1}, {}, absl::Now()).ok());
  const LeasedJob leased = Lease();
  // As the dispatcher does before it sends the job.
  delivery().PurgeAll(leased.image);
  EXPECT_EQ(blobs_.rendition_count(), 0u);
  Complete(leased, "made anew");
  CatchUp(there);
  EXPECT_EQ(blobs_.rendition_count(), 1u) << "the purge was before the work";
  EXPECT_FALSE(InMemory(cache(), image));
  EXPECT_FALSE(InMemory(there.cache, image));
  EXPECT_EQ(*Find(image, "thumb.jpg")->bytes, "made anew");
  EXPECT_EQ(*Begin(there.delivery, Asking(image, "thumb.jpg")).get()->bytes, "made anew");
}

TEST_F(DeliveryPurgeTest, WhatIsUnderWayWhenItsImageIsDeletedIsNeitherShownNorKept) {
  const Image image = Ready("a");
  renderer_.Hold();
  auto held = Begin(delivery(), Asking(image, "thumb.jpg"));
  ASSERT_TRUE(renderer_.AwaitWaiting(1));
  Delete(image);
  EXPECT_EQ(Reason(held.get().status()), "IMAGE_NOT_FOUND");
  renderer_.Release();
  delivery().Drain();
  EXPECT_FALSE(InMemory(cache(), image));
}

TEST_F(DeliveryPurgeTest, WhatIsUnderWayWhenItsImageIsReprocessedIsMadeAnewForItsViewer) {
  const Image image = Ready("a");
  renderer_.Hold();
  auto held = Begin(delivery(), Asking(image, "thumb.jpg"));
  ASSERT_TRUE(renderer_.AwaitWaiting(1));
  delivery().PurgeAll(image);
  ASSERT_TRUE(renderer_.AwaitWaiting(1));
  renderer_.Release();
  const Answer answer = held.get();
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(Renders(), 1u) << "the one before was cancelled";
  EXPECT_TRUE(InMemory(cache(), image)) << "it was begun after the purge";
}

TEST_F(DeliveryPurgeTest, AWorkerThatAnswersAfterThePurgeDoesNotBringItBack) {
  const Image image = Ready("a");
  // The purge comes while the worker writes its answer, after the work could be stopped.
  int answers = 0;
  renderer_.SetAnswer([&](const RenderOrder& order) -> absl::StatusOr<RenderedPicture> {
    if (++answers == 1) Delete(image);
    return MemoryRenderer::Picture(order, "too late");
  });
  EXPECT_EQ(Reason(Find(image, "thumb.jpg").status()), "IMAGE_NOT_FOUND");
  EXPECT_EQ(answers, 1);
  EXPECT_FALSE(InMemory(cache(), image));
}

TEST_F(DeliveryPurgeTest, AnApiThatStartsAnewForgetsWhatItHeld) {
  const Image image = Ready("a", Visibility::kPublic, "stored");
  ASSERT_TRUE(Find(image, "thumb.jpg").ok());
  delivery().BeginAnew();
  delivery().EndAnew();
  EXPECT_FALSE(InMemory(cache(), image));
  EXPECT_TRUE(Find(image, "thumb.jpg").ok());
}

}  // namespace
}  // namespace stockroom::api
