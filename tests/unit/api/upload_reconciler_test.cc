// Direct uploads that nobody completes.
#include "services/api/domain/upload_reconciler.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "services/common/base/ids.h"
#include "tests/unit/api/direct_uploads_fixture.h"

namespace stockroom::api {
namespace {

TEST_F(DirectUploadsTest, IsCompletedForForgetfulClients) {
  const std::string whole = Send(Png("whole"));
  const std::string part = Create(Announcing(Png("part")));
  EXPECT_EQ(Reconcile().looked, 0);
  clock_.Advance(absl::Minutes(1));
  const auto round = Reconcile();
  EXPECT_EQ(round.looked, 2);
  EXPECT_EQ(round.completed, 1);
  EXPECT_EQ(store_.GetImage(whole)->state, ImageState::kPending);
  EXPECT_EQ(Row(part).state, UploadState::kOpen);
  EXPECT_EQ(incoming_.incoming_count(), 1u);
  // Looked at again, later and later.
  EXPECT_EQ(Reconcile().looked, 0);
  ASSERT_TRUE(incoming_.Append(part, 0, Png("part")).ok());
  clock_.Advance(absl::Minutes(1));
  EXPECT_EQ(Reconcile().completed, 1);
  EXPECT_EQ(Complete(part)->image.id, part);
}

TEST_F(DirectUploadsTest, ThatWasWholeInTimeIsNotLostHoweverLateAnybodyLooks) {
  const std::string whole = Send(Png("whole"));
  const std::string part = Create(Announcing(Png("part")));
  ASSERT_TRUE(incoming_.Append(part, 0, Png("")).ok());
  // No api ran at its end.
  clock_.Advance(absl::Hours(40));
  const auto round = Reconcile();
  EXPECT_EQ(round.completed, 1);
  EXPECT_EQ(round.expired, 1);
  EXPECT_EQ(store_.GetImage(whole)->state, ImageState::kPending);
  EXPECT_EQ(Row(part).state, UploadState::kExpired);
  EXPECT_EQ(ImagesUsed(), 1);
  EXPECT_EQ(incoming_.incoming_count(), 0u);
  EXPECT_EQ(Why(Complete(part).status()), "UPLOAD_EXPIRED");
}

TEST_F(DirectUploadsTest, WhoseLastByteCameAtTheLastMomentIsCompleted) {
  const std::string id = Create(Announcing(Png("late")));
  clock_.Advance(absl::Hours(24) - absl::Milliseconds(1));
  EXPECT_EQ(Reconcile().completed, 0);
  ASSERT_TRUE(incoming_.Append(id, 0, Png("late")).ok());
  clock_.Advance(absl::Minutes(1));
  EXPECT_EQ(Reconcile().completed, 1);
  EXPECT_TRUE(store_.GetImage(id).ok());
}

TEST_F(DirectUploadsTest, IsEndedOnlyOnceNothingCanBeOnItsWayToTheDisk) {
  AnnounceRequest request = Announcing(Png("short"));
  request.expires_in = absl::Seconds(1);
  const std::string id = Create(request);
  clock_.Advance(absl::Seconds(1));
  EXPECT_EQ(Reconcile().expired, 0);
  EXPECT_EQ(Row(id).state, UploadState::kOpen);
  clock_.Advance(absl::Seconds(30));
  EXPECT_EQ(Reconcile().expired, 1);
  EXPECT_EQ(ImagesUsed(), 0);
}

TEST_F(DirectUploadsTest, IsNotEndedWhileTheFileServerIsAway) {
  const std::string id = Send(Png("whole"));
  clock_.Advance(absl::Hours(25));
  incoming_.FailNext(Fault::kStat, Unavailable("FILE_SERVER_AWAY", "away"));
  EXPECT_EQ(Reconcile().errors, 1);
  EXPECT_EQ(Row(id).state, UploadState::kOpen);
  clock_.Advance(absl::Minutes(5));
  EXPECT_EQ(Reconcile().completed, 1);
}

TEST_F(DirectUploadsTest, ThatTheFileServerHasForgottenExpires) {
  const std::string id = Send(Png("whole"));
  clock_.Advance(absl::Hours(48));
  EXPECT_EQ(Reconcile().expired, 1);
  EXPECT_EQ(Row(id).state, UploadState::kExpired);
}

TEST_F(DirectUploadsTest, CanBeCompletedALittleLateIfItIsWhole) {
  const std::string whole = Send(Png("whole"));
  const std::string part = Create(Announcing(Png("part")));
  clock_.Advance(absl::Hours(24));
  EXPECT_TRUE(Complete(whole).ok());
  EXPECT_EQ(Why(Complete(part).status()), "UPLOAD_EXPIRED");
  EXPECT_EQ(Row(part).state, UploadState::kOpen) << "its last bytes may be on their way";
}

TEST_F(DirectUploadsTest, IsForgottenSomeTimeAfterItsEnd) {
  const std::string id = Send(Png("a"));
  ASSERT_TRUE(Complete(id).ok());
  clock_.Advance(absl::Hours(23));
  Reconcile();
  EXPECT_EQ(Row(id).state, UploadState::kCompleted);
  clock_.Advance(absl::Hours(2));
  EXPECT_EQ(Reconcile().forgotten, 1);
  EXPECT_EQ(Why(Complete(id).status()), "UPLOAD_NOT_FOUND");
  EXPECT_TRUE(store_.GetImage(id).ok());
}

TEST_F(DirectUploadsTest, WhoseAnnouncerDiedExpires) {
  // The row was written, and nothing after that.
  DirectUpload upload = Row(Create(Announcing(Png("a"))));
  upload.id = NewUuidV7(clock_.Now());
  ASSERT_TRUE(store_.uploads().CreateUpload(upload, 10, std::nullopt).ok());
  EXPECT_EQ(Why(Complete(upload.id).status()), "UPLOAD_INCOMPLETE");
  clock_.Advance(absl::Minutes(1));
  EXPECT_EQ(Reconcile().errors, 0);
  EXPECT_EQ(Row(upload.id).state, UploadState::kOpen);
  clock_.Advance(absl::Hours(24));
  Reconcile();
  EXPECT_EQ(Row(upload.id).state, UploadState::kExpired);
}

TEST_F(DirectUploadsTest, IsReconciledByOneApiAndStillOnceByTwo) {
  const std::string id = Send(Png("a"));
  clock_.Advance(absl::Minutes(1));
  // The lease has run out in the middle of the first one's work.
  store_.before_create = [&] {
    EXPECT_FALSE(Reconcile(&two_).mine);
    clock_.Advance(absl::Minutes(10));
    EXPECT_EQ(Reconcile(&two_).completed, 1);
  };
  Reconcile();
  EXPECT_EQ(store_.ReadEvents(0, 10)->size(), 1u);
  EXPECT_TRUE(Row(id).incoming_gone);
}

TEST_F(DirectUploadsTest, IsTriedAgainAfterAFailure) {
  const std::string a = Send(Png("a"));
  const std::string b = Send(Png("b"));
  clock_.Advance(absl::Minutes(1));
  incoming_.FailNext(Fault::kComplete, Unavailable("FILE_SERVER_AWAY", "away"));
  const auto round = Reconcile();
  EXPECT_EQ(round.errors, 1);
  EXPECT_EQ(round.completed, 1);
  EXPECT_EQ(Reconcile().looked, 0);
  clock_.Advance(absl::Minutes(1));
  EXPECT_EQ(Reconcile().completed, 1);
  EXPECT_EQ(ImageCount(), 2u);
}

}  // namespace
}  // namespace stockroom::api
