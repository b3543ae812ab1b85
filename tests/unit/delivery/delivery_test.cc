#include <gtest/gtest.h>

#include "tests/unit/delivery/delivery_fixture.h"

namespace stockroom::api {
namespace {

using From = Deliverable::From;

class DeliveryTest : public DeliveryFixture {};

TEST_F(DeliveryTest, ServesWhatIsStoredAndThenFromMemory) {
  const Image image = Ready("a", Visibility::kPublic, "stored jpeg");
  EXPECT_EQ(AtHand(delivery(), image, "thumb.jpg"), std::nullopt);
  const Answer found = Find(image, "thumb.jpg");
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(*found->bytes, "stored jpeg");
  EXPECT_EQ(found->sha256, Digest::Of("stored jpeg"));
  EXPECT_EQ(found->size, 11);
  EXPECT_EQ(found->media_type, "image/jpeg");
  EXPECT_EQ(found->from, From::kStore);
  EXPECT_EQ(AtHand(delivery(), image, "thumb.jpg"), "stored jpeg");
  EXPECT_EQ(Find(image, "thumb.jpg")->from, From::kMemory);
  EXPECT_EQ(Renders(), 0u);
}

TEST_F(DeliveryTest, WhatIsNotStoredIsMadeOnce) {
  const Image image = Ready("a");
  const Answer found = Find(image, "fit=720x0/q=70.webp");
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->from, From::kRender);
  EXPECT_EQ(found->media_type, "image/webp");
  EXPECT_EQ(Find(image, "q=70/fit=720x0.webp")->from, From::kMemory) << "the same in other words";
  ASSERT_EQ(Renders(), 1u);
  const RenderOrder order = renderer_.asked()[0].order;
  EXPECT_EQ(order.original, image.sha256);
  EXPECT_EQ(CanonicalText(order.recipe), "fit=720x0/format=webp/q=70");
  EXPECT_EQ(order.key, RenditionKey(order.recipe));
  EXPECT_EQ(order.traits.size, (Size{4000, 3000}));
}

TEST_F(DeliveryTest, ALostRenditionComesBack) {
  const Image image = Ready("a");
  EXPECT_EQ(Find(image, "thumb.jpg")->from, From::kRender);
  EXPECT_EQ(renderer_.asked()[0].order.key, image.renditions[0].key);
}

TEST_F(DeliveryTest, EqualRequestsAtTheSameTimeAreOneRender) {
  const Image image = Ready("a");
  renderer_.Hold();
  auto first = Begin(delivery(), Asking(image, "fit=9x9.jpg"));
  auto second = Begin(delivery(), Asking(image, "fit=9x9.jpg"));
  ASSERT_TRUE(renderer_.AwaitWaiting(1));
  renderer_.Release();
  EXPECT_EQ(first.get()->bytes, second.get()->bytes);
  EXPECT_EQ(Renders(), 1u);
}

TEST_F(DeliveryTest, OneWhoLeavesDoesNotTakeThePictureFromTheOther) {
  const Image image = Ready("a");
  renderer_.Hold();
  const CallContext leaving = Call();
  auto first = Begin(delivery(), Asking(image, "fit=9x9.jpg"), Anna(), leaving);
  auto second = Begin(delivery(), Asking(image, "fit=9x9.jpg"));
  ASSERT_TRUE(renderer_.AwaitWaiting(1));
  leaving.cancellation->Cancel();
  EXPECT_TRUE(absl::IsCancelled(first.get().status()));
  renderer_.Release();
  EXPECT_TRUE(second.get().ok());
}

TEST_F(DeliveryTest, AFullQueueSaysWhenToComeBackAndServesWhatIsInMemory) {
  DeliveryService::Options options = DefaultOptions();
  options.max_fetches = 1;
  Start(options);
  const Image image = Ready("a", Visibility::kPublic, "stored");
  EXPECT_TRUE(Find(image, "thumb.jpg").ok());
  renderer_.Hold();
  auto held = Begin(delivery(), Asking(image, "fit=9x9.jpg"));
  ASSERT_TRUE(renderer_.AwaitWaiting(1));
  const absl::Status refused = Find(image, "fit=8x8.jpg").status();
  EXPECT_TRUE(absl::IsResourceExhausted(refused));
  EXPECT_TRUE(DetailsOf(refused).retry_after.has_value());
  EXPECT_EQ(AtHand(delivery(), image, "thumb.jpg"), "stored");
  renderer_.Release();
  EXPECT_TRUE(held.get().ok());
}

TEST_F(DeliveryTest, WhatTheWorkerSaysReachesTheViewer) {
  const Image image = Ready("a");
  renderer_.SetAnswer([](const RenderOrder&) -> absl::StatusOr<RenderedPicture> {
    return MakeStatus(absl::StatusCode::kResourceExhausted, "busy",
                      {.reason = "WORKER_BUSY", .retry_after = absl::Milliseconds(1234)});
  });
  const absl::Status busy = Find(image, "fit=9x9.jpg").status();
  EXPECT_EQ(Reason(busy), "WORKER_BUSY");
  EXPECT_EQ(DetailsOf(busy).retry_after, absl::Milliseconds(1234));
  renderer_.SetAnswer([](const RenderOrder&) -> absl::StatusOr<RenderedPicture> {
    return absl::NotFoundError("no such blob");
  });
  EXPECT_TRUE(absl::IsDataLoss(Find(image, "fit=9x9.jpg").status()));
}

TEST_F(DeliveryTest, LargeStoredPicturesAreNotHeld) {
  DeliveryService::Options options = DefaultOptions();
  options.most_held = 3;
  Start(options);
  const Image image = Ready("a", Visibility::kPublic, "longer");
  const Answer found = Find(image, "thumb.jpg");
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found->bytes, nullptr);
  EXPECT_EQ(found->size, 6);
  std::promise<absl::StatusOr<std::unique_ptr<ByteSource>>> opened;
  delivery().Open(Call(), *found, {}, [&](auto source) { opened.set_value(std::move(source)); });
  EXPECT_TRUE(opened.get_future().get().ok());
  ASSERT_TRUE(
      WriteRendition(blobs_, Call(), {image.sha256, found->recipe_key}, "other bytes").ok());
  std::promise<absl::StatusOr<std::unique_ptr<ByteSource>>> again;
  delivery().Open(Call(), *found, {}, [&](auto source) { again.set_value(std::move(source)); });
  EXPECT_TRUE(absl::IsAborted(again.get_future().get().status()));
}

TEST_F(DeliveryTest, AnImageThatIsNotProcessedYetSaysSo) {
  const Image image = Upload(Png("early"))->image;
  EXPECT_EQ(Reason(Find(image, "thumb.jpg").status()), "IMAGE_NOT_READY");
  EXPECT_TRUE(Find(image, "original").ok());
}

TEST_F(DeliveryTest, PrivateImagesAreNotThereForOthersNotEvenInMemory) {
  const Image image = Ready("p", Visibility::kPrivate, "secret");
  EXPECT_EQ(*Find(image, "thumb.jpg")->bytes, "secret");
  EXPECT_EQ(AtHand(delivery(), image, "thumb.jpg"), "secret");
  EXPECT_EQ(AtHand(delivery(), image, "thumb.jpg", Ben()), std::nullopt);
  for (const char* path : {"thumb.jpg", "original", "info", "nonsense", "fit=9x9.jpg"}) {
    EXPECT_EQ(Reason(Find(image, path, Ben()).status()), "IMAGE_NOT_FOUND") << path;
  }
  EXPECT_EQ(Renders(), 0u);
}

TEST_F(DeliveryTest, TheCurrentRevisionIsForEverAndOthersLeadToIt) {
  const Image image = Ready("a", Visibility::kPublic, "stored");
  const std::string now = std::to_string(image.revision);
  EXPECT_TRUE(Find(image, now + "/thumb.jpg")->immutable);
  EXPECT_FALSE(Find(image, "thumb.jpg")->immutable);
  const Answer older = Find(image, "1/thumb.jpg");
  EXPECT_EQ(older->redirect, "/i/" + image.id + "/" + now + "/thumb.jpg");
  EXPECT_EQ(Find(image, "99/thumb.jpg")->redirect, older->redirect);
  ASSERT_TRUE(
      catalog_->Update(Anna(), image.id, {DescribedField::kTitle}, {.title = "another"}).ok());
  EXPECT_EQ(Find(image, now + "/thumb.jpg")->redirect,
            "/i/" + image.id + "/" + std::to_string(image.revision + 1) + "/thumb.jpg");
}

TEST_F(DeliveryTest, ARevisionBeforeAnEncodedSlashIsNoPicture) {
  const Image image = Ready("a", Visibility::kPublic, "stored");
  PictureRequest request = Asking(image, "99/thumb.jpg");
  request.raw_path = "/i/" + image.id + "/99%2Fthumb.jpg";
  EXPECT_TRUE(absl::IsNotFound(Begin(delivery(), request).get().status()));
}

TEST_F(DeliveryTest, WithoutASignatureThereAreOnlyPresetsWhereThatIsConfigured) {
  DeliveryService::Options options = DefaultOptions();
  options.unsigned_recipes = false;
  options.signer = std::make_shared<const PathSigner>(*PathSigner::Create({"0123456789abcdef",
                                                                           "old key of 16 b"
                                                                           "ytes"}));
  Start(options);
  const Image image = Ready("a", Visibility::kPublic, "stored");
  EXPECT_TRUE(Find(image, "thumb.jpg").ok());
  EXPECT_TRUE(Find(image, "original").ok());
  EXPECT_TRUE(Find(image, "info").ok());
  EXPECT_EQ(Reason(Find(image, "fit=9x9.jpg").status()), "SIGNATURE_NEEDED");

  const auto sign = [&](PictureRequest request, std::optional<absl::Time> expires) {
    const std::string query = options.signer->Sign(request.raw_path, expires);
    const size_t amp = query.find('&');
    request.signature = query.substr(4, amp - 4);
    if (amp != query.npos) request.expires = query.substr(amp + 9);
    return request;
  };
  const PictureRequest wanted = Asking(image, "fit=9x9.jpg");
  EXPECT_TRUE(Begin(delivery(), sign(wanted, std::nullopt)).get().ok());
  EXPECT_TRUE(delivery().TryFind(Anna(), sign(wanted, std::nullopt))->ok());
  const absl::Time soon = absl::Now() + absl::Hours(1);
  const Answer expiring = Begin(delivery(), sign(wanted, soon)).get();
  ASSERT_TRUE(expiring.ok()) << expiring.status();
  EXPECT_EQ(expiring->expires, absl::FromUnixSeconds(absl::ToUnixSeconds(soon)));
  EXPECT_EQ(Reason(Begin(delivery(), sign(wanted, absl::Now() - absl::Hours(1))).get().status()),
            "SIGNATURE_EXPIRED");
  PictureRequest forged = sign(wanted, std::nullopt);
  forged.raw_path += "x";
  EXPECT_EQ(Reason(Begin(delivery(), forged).get().status()), "SIGNATURE_INVALID");
  EXPECT_EQ(Reason(delivery().TryFind(Anna(), forged)->status()), "SIGNATURE_INVALID");
  PictureRequest preset = Asking(image, "thumb.jpg");
  preset.signature = "nonsense";
  EXPECT_EQ(Reason(Begin(delivery(), preset).get().status()), "SIGNATURE_INVALID");

  // The redirect is as good as the URL that leads to it.
  const Answer older = Begin(delivery(), sign(Asking(image, "1/fit=9x9.jpg"), soon)).get();
  ASSERT_TRUE(older.ok()) << older.status();
  PictureRequest current = Asking(image, std::to_string(image.revision) + "/fit=9x9.jpg");
  EXPECT_EQ(older->redirect, current.raw_path + "?" + options.signer->Sign(current.raw_path, soon));
}

TEST_F(DeliveryTest, NegotiatedPicturesAreRememberedForEachPreference) {
  const Image image = Ready("a");
  PictureRequest request = Asking(image, "thumb.auto");
  EXPECT_EQ(Begin(delivery(), request).get()->media_type, "image/jpeg");
  request.preferences.webp = 1000;
  EXPECT_EQ(delivery().TryFind(Anna(), request), std::nullopt);
  const Answer webp = Begin(delivery(), request).get();
  EXPECT_EQ(webp->media_type, "image/webp");
  EXPECT_TRUE(webp->negotiated);
  EXPECT_EQ((*delivery().TryFind(Anna(), request))->media_type, "image/webp");
  EXPECT_EQ((*delivery().TryFind(Anna(), Asking(image, "thumb.auto")))->media_type, "image/jpeg");
}

TEST_F(DeliveryTest, InfoTellsOfTheImage) {
  const Image image = Ready("a");
  const Answer info = Find(image, "info");
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(info->media_type, "application/json");
  EXPECT_NE(info->bytes->find("\"width\":4000"), std::string::npos);
  EXPECT_EQ(info->sha256, Digest::Of(*info->bytes));
}

TEST_F(DeliveryTest, CountsWhatIsLookedAtAndTaken) {
  Metrics metrics;
  PopularityCounts counts({}, metrics);
  DeliveryService::Options options = DefaultOptions();
  options.popularity = &counts;
  Start(options);
  const auto send = [&](From from, Delivery::Sent sent) {
    delivery().Sending({.image_id = "a", .from = from}, sent);
  };
  for (const From from : {From::kMemory, From::kStore, From::kRender, From::kInfo}) {
    send(from, Delivery::Sent::kBeginning);
  }
  send(From::kOriginal, Delivery::Sent::kBeginning);
  for (const From from : {From::kMemory, From::kOriginal}) {
    send(from, Delivery::Sent::kNotModified);
    send(from, Delivery::Sent::kHeaders);
    send(from, Delivery::Sent::kMore);
  }
  EXPECT_EQ(counts.Take(), (std::vector<Popularity>{{"a", 4, 1}}));
  here_.reset();
}

}  // namespace
}  // namespace stockroom::api
