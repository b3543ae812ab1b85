#include "services/api/domain/direct_uploads.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <string>
#include <thread>
#include <utility>

#include "services/api/domain/catalog.h"
#include "services/common/base/crc32c.h"
#include "services/common/blobs/blocking.h"
#include "tests/unit/api/direct_uploads_fixture.h"

namespace stockroom::api {
namespace {

TEST_F(DirectUploadsTest, BecomesAnImageWithWhatWasSaidAboutIt) {
  const std::string bytes = Png("one");
  const auto view = TryCreate(Announcing(bytes));
  ASSERT_TRUE(view.ok()) << view.status();
  EXPECT_EQ(view->upload.state, UploadState::kOpen);
  EXPECT_FALSE(view->ticket->put_url.empty());
  ASSERT_TRUE(incoming_.Append(view->upload.id, 0, bytes).ok());
  const auto created = Complete(view->upload.id);
  ASSERT_TRUE(created.ok()) << created.status();
  EXPECT_EQ(created->image.id, view->upload.id);
  EXPECT_EQ(created->image.state, ImageState::kPending);
  EXPECT_EQ(created->image.owner, "anna");
  EXPECT_EQ(created->image.described.title, "One");
  EXPECT_EQ(created->image.filename, "one.png");
  EXPECT_EQ(created->image.sha256, Digest::Of(bytes));
  EXPECT_GT(created->feed_position, 0);
  EXPECT_TRUE(ReadBlob(blobs_, Call(), Digest::Of(bytes), 1000).ok());
  EXPECT_EQ(incoming_.incoming_count(), 0u);
  EXPECT_TRUE(Row(view->upload.id).incoming_gone);
}

TEST_F(DirectUploadsTest, IsUploadingForItsOwnerAndNobodyElse) {
  Catalog catalog(store_, blobs_, clock_);
  const std::string id = Create(Announcing(Png("one")));
  const auto image = catalog.Get(Anna(), id);
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(image->state, ImageState::kUploading);
  EXPECT_EQ(image->described.title, "One");
  EXPECT_EQ(Why(catalog.Get(Ben(), id).status()), "IMAGE_NOT_FOUND");
  EXPECT_TRUE(catalog.Get(Person("mod", Scope::kModerate), id).ok());
  EXPECT_EQ(ImageCount(), 0u);
  ASSERT_TRUE(one_.uploads.Abort(Call(), Anna(), id).ok());
  EXPECT_EQ(Why(catalog.Get(Anna(), id).status()), "IMAGE_NOT_FOUND");
}

TEST_F(DirectUploadsTest, IsNoConcernOfStrangers) {
  const std::string id = Send(Png("one"));
  EXPECT_EQ(Why(one_.uploads.Get(Call(), Ben(), id).status()), "UPLOAD_NOT_FOUND");
  EXPECT_EQ(Why(one_.uploads.Abort(Call(), Ben(), id).status()), "UPLOAD_NOT_FOUND");
  EXPECT_EQ(Why(Complete(id, Ben()).status()), "UPLOAD_NOT_FOUND");
  EXPECT_TRUE(one_.uploads.List(Ben(), 0, "")->uploads.empty());
  EXPECT_EQ(Row(id).state, UploadState::kOpen);
  ASSERT_TRUE(Complete(id, Person("mod", Scope::kModerate)).ok());
  EXPECT_EQ(store_.GetImage(id)->owner, "anna");
}

TEST_F(DirectUploadsTest, RefusesWhatCanNotBeAnnounced) {
  const auto why = [&](auto change) {
    AnnounceRequest request = Announcing(Png("one"));
    change(request);
    return Why(TryCreate(request).status());
  };
  EXPECT_EQ(why([](auto& r) { r.size_bytes = 0; }), "INVALID_FIELD");
  EXPECT_EQ(why([](auto& r) { r.size_bytes = -1; }), "INVALID_FIELD");
  EXPECT_EQ(why([](auto& r) { r.size_bytes = 1001; }), "TOO_LARGE");
  EXPECT_EQ(why([](auto& r) { r.content_type = "image/png\r\nX: y"; }), "INVALID_FIELD");
  EXPECT_EQ(why([](auto& r) { r.content_type = std::string(101, 'a'); }), "INVALID_FIELD");
  EXPECT_EQ(why([](auto& r) { r.expires_in = -absl::Seconds(1); }), "INVALID_FIELD");
  EXPECT_NE(why([](auto& r) { r.described.title = std::string(301, 't'); }), "");
  EXPECT_EQ(ImagesUsed(), 0);
  EXPECT_EQ(Why(one_.uploads.Get(Call(), Anna(), "no id").status()),
            Why(one_.uploads.Abort(Call(), Anna(), "no id").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(Complete("no id").status()));
  EXPECT_EQ(Why(one_.uploads.List(Anna(), 501, "").status()), "INVALID_FIELD");
  EXPECT_EQ(Why(one_.uploads.List(Anna(), 0, "x").status()), "INVALID_FIELD");
}

TEST_F(DirectUploadsTest, LivesAsLongAsWasWishedButNotLonger) {
  AnnounceRequest request = Announcing(Png("one"));
  EXPECT_EQ(TryCreate(request)->upload.expire_time, clock_.Now() + absl::Hours(24));
  request.expires_in = absl::Hours(1);
  EXPECT_EQ(TryCreate(request)->upload.expire_time, clock_.Now() + absl::Hours(1));
  request.expires_in = absl::Hours(1000);
  EXPECT_EQ(TryCreate(request)->upload.expire_time, clock_.Now() + absl::Hours(24));
}

TEST_F(DirectUploadsTest, SaysHowMuchIsMissing) {
  const std::string bytes = Png("all of it");
  const std::string id = Create(Announcing(bytes));
  ASSERT_TRUE(incoming_.Append(id, 0, bytes.substr(0, 10)).ok());
  const absl::Status refused = Complete(id).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
  EXPECT_EQ(Why(refused), "UPLOAD_INCOMPLETE");
  EXPECT_EQ(DetailsOf(refused).metadata.at("received_bytes"), "10");
  EXPECT_EQ(one_.uploads.Get(Call(), Anna(), id)->received_bytes, 10);
  ASSERT_TRUE(incoming_.Append(id, 10, bytes.substr(10)).ok());
  EXPECT_TRUE(Complete(id).ok());
  EXPECT_FALSE(one_.uploads.Get(Call(), Anna(), id)->ticket.has_value());
}

TEST_F(DirectUploadsTest, OfOtherBytesThanAnnouncedFailsForGood) {
  const std::string bytes = Png("one");
  AnnounceRequest request = Announcing(bytes);
  request.crc32c = Crc32c("other");
  const std::string id = Create(request);
  ASSERT_TRUE(incoming_.Append(id, 0, bytes).ok());
  for (int i = 0; i < 2; ++i) {
    const absl::Status refused = Complete(id).status();
    EXPECT_TRUE(absl::IsDataLoss(refused)) << refused;
    EXPECT_EQ(Why(refused), "DIGEST_MISMATCH");
  }
  EXPECT_EQ(Row(id).state, UploadState::kFailed);
  EXPECT_EQ(ImagesUsed(), 0);
  EXPECT_EQ(incoming_.incoming_count(), 0u);
}

TEST_F(DirectUploadsTest, OfWhatIsNoImageFailsForGood) {
  const std::string id = Send("this is just a text, however long it is");
  EXPECT_EQ(Why(Complete(id).status()), "NOT_AN_IMAGE");
  EXPECT_EQ(Why(Complete(id).status()), "NOT_AN_IMAGE");
  EXPECT_EQ(Row(id).failure, "NOT_AN_IMAGE");
  EXPECT_EQ(ImageCount(), 0u);
  EXPECT_EQ(incoming_.incoming_count(), 0u);
}

// It makes no blob of it then.
TEST_F(DirectUploadsTest, OfWhatTheFileServerSeesIsNoImageFailsForGood) {
  const std::string id = Send(Png("one"));
  incoming_.FailNext(Fault::kComplete, InvalidArgument("NOT_AN_IMAGE", "no image"));
  EXPECT_EQ(Why(Complete(id).status()), "NOT_AN_IMAGE");
  EXPECT_EQ(Row(id).failure, "NOT_AN_IMAGE");
  EXPECT_EQ(ImageCount(), 0u);
  EXPECT_EQ(incoming_.incoming_count(), 0u);
}

// A file server that lies, or whose disk does.
TEST_F(DirectUploadsTest, ChecksForItselfThatTheseAreTheAnnouncedBytes) {
  AnnounceRequest request = Announcing(Png("one"));
  request.sha256 = Digest::Of(Png("one"));
  const DirectUpload upload = Row(Create(request));
  const auto admit = [&](const std::string& bytes, int64_t size) {
    IncomingBlob blob{.blob = {.info = {.sha256 = Digest::Of(bytes), .size = size}}, .head = bytes};
    return Why(one_.finisher.Admit(Call(), upload, BootTimeNow(), blob).status());
  };
  EXPECT_EQ(admit(Png("one"), upload.size_bytes - 1), "DIGEST_MISMATCH");
  EXPECT_EQ(admit(Png("two"), upload.size_bytes), "DIGEST_MISMATCH");
  EXPECT_EQ(ImageCount(), 0u);
}

TEST_F(DirectUploadsTest, IsAnsweredAlikeHoweverOftenItIsCompleted) {
  const std::string id = Send(Png("one"));
  const auto first = Complete(id);
  for (Api* api : {&one_, &two_}) {
    const auto again = Complete(id, Anna(), api);
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ(again->image.id, first->image.id);
    EXPECT_FALSE(again->deduplicated);
  }
  EXPECT_EQ(store_.ReadEvents(0, 10)->size(), 1u);
  EXPECT_EQ(Why(one_.uploads.Abort(Call(), Anna(), id).status()), "UPLOAD_COMPLETED");
}

TEST_F(DirectUploadsTest, IsOneImageIfTwoApisCompleteItAtOnce) {
  const std::string id = Send(Png("one"));
  absl::StatusOr<CreatedImage> other = absl::UnknownError("never ran");
  store_.before_create = [&] { other = Complete(id, Anna(), &two_); };
  const auto mine = Complete(id);
  ASSERT_TRUE(mine.ok()) << mine.status();
  ASSERT_TRUE(other.ok()) << other.status();
  EXPECT_EQ(mine->image.id, other->image.id);
  EXPECT_EQ(mine->deduplicated, other->deduplicated);
  EXPECT_EQ(store_.ReadEvents(0, 10)->size(), 1u);
  EXPECT_EQ(ImagesUsed(), 1);
}

TEST_F(DirectUploadsTest, ThatEndsWhileItIsLookedAtIsShownAsEnded) {
  EventfulIncoming eventful(incoming_);
  Api third(store_, blobs_, eventful, clock_, "third", {}, {.max_bytes = 1000, .max_open = 10});
  const std::string id = Send(Png("one"));
  eventful.before_stat = [&] { ASSERT_TRUE(Complete(id).ok()); };
  const auto view = third.uploads.Get(Call(), Anna(), id);
  ASSERT_TRUE(view.ok()) << view.status();
  EXPECT_EQ(view->upload.state, UploadState::kCompleted);
  EXPECT_FALSE(view->ticket.has_value());
}

TEST_F(DirectUploadsTest, ThatWasGivenUpMeanwhileMakesNoImage) {
  const std::string id = Send(Png("one"));
  store_.before_create = [&] { ASSERT_TRUE(two_.uploads.Abort(Call(), Anna(), id).ok()); };
  EXPECT_EQ(Why(Complete(id).status()), "UPLOAD_ABORTED");
  EXPECT_EQ(ImageCount(), 0u);
  EXPECT_EQ(ImagesUsed(), 0);
}

TEST_F(DirectUploadsTest, OfBytesThatTheOwnerHasBecomesThatImage) {
  const auto first = Complete(Send(Png("same")));
  const std::string id = Send(Png("same"));
  const auto again = Complete(id);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(again->deduplicated);
  EXPECT_EQ(again->image.id, first->image.id);
  EXPECT_EQ(Row(id).image_id, first->image.id);
  EXPECT_EQ(ImagesUsed(), 1);
  EXPECT_FALSE(Complete(Send(Png("same"), Ben()), Ben())->deduplicated);
  AnnounceRequest own = Announcing(Png("same"));
  own.allow_duplicate = true;
  const std::string third = Create(own);
  ASSERT_TRUE(incoming_.Append(third, 0, Png("same")).ok());
  EXPECT_EQ(Complete(third)->image.id, third);
}

TEST_F(DirectUploadsTest, TakesRoomUntilItEnds) {
  const std::string a = Send(Png("a"));
  const std::string b = Send(Png("b"));
  const std::string c = Create(Announcing(Png("c")));
  EXPECT_EQ(Why(TryCreate(Announcing(Png("d"))).status()), "QUOTA_EXCEEDED");
  ASSERT_TRUE(Complete(a).ok());
  EXPECT_EQ(Why(TryCreate(Announcing(Png("d"))).status()), "QUOTA_EXCEEDED");
  ASSERT_TRUE(one_.uploads.Abort(Call(), Anna(), b).ok());
  ASSERT_TRUE(one_.uploads.Abort(Call(), Anna(), b).ok());
  const std::string d = Create(Announcing(Png("d")));
  // Giving one up twice frees its room once.
  EXPECT_EQ(Why(TryCreate(Announcing(Png("e"))).status()), "QUOTA_EXCEEDED");
  clock_.Advance(absl::Hours(25));
  Reconcile();
  EXPECT_EQ(Row(c).state, UploadState::kExpired);
  EXPECT_EQ(Row(d).state, UploadState::kExpired);
  Create(Announcing(Png("e")));
  Create(Announcing(Png("f")));
  EXPECT_EQ(Why(TryCreate(Announcing(Png("g"))).status()), "QUOTA_EXCEEDED");
}

TEST_F(DirectUploadsTest, LeavesNothingIfTheFileServerIsAway) {
  incoming_.FailNext(Fault::kCreate, Unavailable("FILE_SERVER_AWAY", "away"));
  EXPECT_EQ(Why(TryCreate(Announcing(Png("a"))).status()), "FILE_SERVER_AWAY");
  EXPECT_EQ(ImagesUsed(), 0);
}

TEST_F(DirectUploadsTest, IsAnnouncedOnceUnderAKey) {
  AnnounceRequest request = Announcing(Png("a"));
  request.fingerprint = "request";
  // Even if the file server failed in between: who comes back with the key gets this upload.
  incoming_.FailNext(Fault::kCreate, Unavailable("FILE_SERVER_AWAY", "away"));
  EXPECT_FALSE(one_.uploads.Create(Call("key"), Anna(), request).ok());
  const auto first = one_.uploads.Create(Call("key"), Anna(), request);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_TRUE(first->ticket.has_value());
  EXPECT_EQ(two_.uploads.Create(Call("key"), Anna(), request)->upload.id, first->upload.id);
  EXPECT_EQ(ImagesUsed(), 1);
  request.fingerprint = "another";
  EXPECT_EQ(Why(one_.uploads.Create(Call("key"), Anna(), request).status()),
            "IDEMPOTENCY_KEY_REUSED");
}

TEST_F(DirectUploadsTest, SurvivesLostAnswersOfEachStep) {
  const std::string id = Send(Png("a"));
  incoming_.LoseNextAnswer(Fault::kComplete);
  EXPECT_TRUE(absl::IsUnavailable(Complete(id).status()));
  store_.fail_create = Unavailable("DATABASE_AWAY", "away");
  EXPECT_TRUE(absl::IsUnavailable(Complete(id).status()));
  EXPECT_EQ(Row(id).state, UploadState::kOpen);
  incoming_.FailNext(Fault::kComplete, absl::AbortedError("busy"));
  EXPECT_EQ(Why(Complete(id).status()), "UPLOAD_BUSY");
  incoming_.LoseNextAnswer(Fault::kRemove);
  const auto created = Complete(id);
  ASSERT_TRUE(created.ok()) << created.status();
  EXPECT_FALSE(Row(id).incoming_gone);
  clock_.Advance(absl::Minutes(2));
  EXPECT_EQ(Reconcile().cleaned, 1);
  EXPECT_TRUE(Row(id).incoming_gone);
}

TEST_F(DirectUploadsTest, ListsTheOwnersPageByPage) {
  std::string ids[3];
  for (std::string& id : ids) id = Create(Announcing(Png("a")));
  const auto page = one_.uploads.List(Anna(), 2, "");
  ASSERT_TRUE(page.ok());
  ASSERT_EQ(page->uploads.size(), 2u);
  EXPECT_EQ(page->uploads[0].id, ids[2]);
  const auto rest = one_.uploads.List(Anna(), 2, page->next_page_token);
  ASSERT_EQ(rest->uploads.size(), 1u);
  EXPECT_EQ(rest->uploads[0].id, ids[0]);
  EXPECT_TRUE(rest->next_page_token.empty());
}

TEST_F(DirectUploadsTest, WaitsForProcessingWithoutAThread) {
  const std::string id = Send(Png("a"));
  std::promise<absl::StatusOr<CreatedImage>> done;
  one_.uploads.Complete(Call(), Anna(), {.id = id, .wait = true},
                        [&](auto created) { done.set_value(std::move(created)); });
  while (one_.completions.waiting() == 0) std::this_thread::yield();
  const auto jobs =
      store_.LeaseJobs({.holder = "test", .max_jobs = 1, .now = clock_.Now()}).value();
  ASSERT_EQ(jobs.size(), 1u);
  ASSERT_TRUE(
      store_.FailJob({jobs[0].job.id, jobs[0].job.token}, FailKind::kFailed, "torn", clock_.Now())
          .ok());
  one_.completions.Notify(id);
  EXPECT_EQ(Why(done.get_future().get().status()), "BAD_IMAGE");
}

TEST_F(DirectUploadsTest, SignsUrlsOfOriginalsForThoseWhoMaySeeThem) {
  AnnounceRequest request = Announcing(Png("one"));
  request.described.visibility = Visibility::kPrivate;
  const std::string id = Create(request);
  EXPECT_EQ(Why(one_.uploads.GetOriginalUrl(Call(), Anna(), id, {}).status()), "IMAGE_NOT_FOUND");
  ASSERT_TRUE(incoming_.Append(id, 0, Png("one")).ok());
  ASSERT_TRUE(Complete(id).ok());
  const auto url = one_.uploads.GetOriginalUrl(Call(), Anna(), id, {});
  ASSERT_TRUE(url.ok()) << url.status();
  EXPECT_THAT(url->url, ::testing::HasSubstr(Digest::Of(Png("one")).hex()));
  EXPECT_THAT(url->url, ::testing::HasSubstr("name=one.png"));
  EXPECT_LE(url->expires, clock_.Now() + absl::Hours(1));
  EXPECT_LE(one_.uploads.GetOriginalUrl(Call(), Anna(), id, absl::Hours(9999))->expires,
            clock_.Now() + absl::Hours(24 * 7));
  EXPECT_EQ(Why(one_.uploads.GetOriginalUrl(Call(), Ben(), id, {}).status()), "IMAGE_NOT_FOUND");
  EXPECT_TRUE(absl::IsInvalidArgument(
      one_.uploads.GetOriginalUrl(Call(), Anna(), id, -absl::Seconds(1)).status()));
}

}  // namespace
}  // namespace stockroom::api
