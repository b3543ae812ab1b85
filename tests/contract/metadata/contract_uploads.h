// The MetadataStore contract: direct uploads.
#pragma once

#include <atomic>
#include <string>
#include <vector>

#include "services/common/base/status.h"
#include "tests/contract/metadata/contract_fixture.h"
#include "tests/contract/metadata/contract_keys.h"

namespace stockroom::api {

inline DirectUpload Announced(const std::string& id, const std::string& owner = "ann") {
  DirectUpload upload;
  upload.id = id;
  upload.owner = owner;
  upload.described = {.title = "Fj\xc3\xb6rd",
                      .description = "by the sea",
                      .tags = {"sea", "blue"},
                      .license = "CC0-1.0",
                      .attributes = {{"camera", "x"}},
                      .visibility = Visibility::kUnlisted};
  upload.filename = id + ".jpg";
  upload.content_type = "image/jpeg";
  upload.size_bytes = 12345;
  upload.create_time = kNoon;
  upload.expire_time = kNoon + absl::Hours(24);
  upload.check_time = kNoon + absl::Minutes(1);
  return upload;
}

class UploadContract : public MetadataStoreContract {
 protected:
  static constexpr int kMaxOpen = 100;

  UploadStore& uploads() { return store().uploads(); }
  absl::Status TryAnnounce(const DirectUpload& upload, int max_open = kMaxOpen) {
    return uploads().CreateUpload(upload, max_open, std::nullopt);
  }
  void Announce(const std::string& id, const std::string& owner = "ann") {
    EXPECT_EQ(TryAnnounce(Announced(id, owner)), absl::OkStatus());
  }
  DirectUpload Get(const std::string& id) { return Value(uploads().GetUpload(id)); }
  // Its bytes are "bytes of <id>", unless others are given.
  absl::StatusOr<CreatedImage> Complete(const std::string& id, const std::string& bytes = "",
                                        absl::Time now = kNoon) {
    NewImage image = Upload(id, "ann", bytes);
    image.upload = id;
    return store().CreateImage(image, now);
  }
  EndedUpload End(const std::string& id, UploadState to = UploadState::kAborted,
                  const std::string& failure = "", absl::Time now = kNoon) {
    return Value(uploads().EndUpload(id, to, failure, now));
  }
  std::vector<std::string> Due(absl::Time now, int limit = 100) {
    std::vector<std::string> ids;
    for (const DirectUpload& upload : Value(uploads().DueUploads(now, limit))) {
      ids.push_back(upload.id);
    }
    return ids;
  }
  static std::string ReasonOf(const absl::Status& status) { return DetailsOf(status).reason; }
};

TEST_P(UploadContract, KeepsWhatWasAnnounced) {
  DirectUpload upload = Announced("a");
  upload.sha256 = Digest::Of("bytes");
  upload.md5 = std::string("\0\x01md5 of 16 byte", 16);
  upload.crc32c = 0xfedcba98u;
  upload.allow_duplicate = true;
  EXPECT_EQ(TryAnnounce(upload), absl::OkStatus());
  EXPECT_EQ(Get("a"), upload);
  Announce("b");
  EXPECT_EQ(Get("b"), Announced("b"));
  EXPECT_EQ(ReasonOf(uploads().GetUpload("c").status()), "UPLOAD_NOT_FOUND");
  EXPECT_TRUE(absl::IsNotFound(uploads().GetUpload("c").status()));
  // It is no image yet, for anybody.
  EXPECT_TRUE(absl::IsNotFound(store().GetImage("a").status()));
  EXPECT_TRUE(Value(store().ListImages({.viewer = "ann"})).empty());
  EXPECT_TRUE(Events().empty());
  EXPECT_TRUE(Value(store().ReferencedAmong({&*upload.sha256, 1})).empty());
}

TEST_P(UploadContract, RefusesAnIdThatIsTakenAndTextThatIsNone) {
  Announce("a");
  Create("b");
  EXPECT_TRUE(absl::IsAlreadyExists(TryAnnounce(Announced("a"))));
  EXPECT_TRUE(absl::IsAlreadyExists(TryAnnounce(Announced("b"))));
  DirectUpload unclean = Announced("c");
  unclean.described.title = "\xff";
  EXPECT_TRUE(absl::IsInvalidArgument(TryAnnounce(unclean)));
}

TEST_P(UploadContract, BoundsTheOpenOnesOfAnOwner) {
  EXPECT_EQ(TryAnnounce(Announced("a"), 2), absl::OkStatus());
  EXPECT_EQ(TryAnnounce(Announced("b"), 2), absl::OkStatus());
  const absl::Status full = TryAnnounce(Announced("c"), 2);
  EXPECT_TRUE(absl::IsResourceExhausted(full)) << full;
  EXPECT_EQ(ReasonOf(full), "TOO_MANY_UPLOADS");
  EXPECT_EQ(TryAnnounce(Announced("c", "bob"), 2), absl::OkStatus());
  End("a");
  EXPECT_EQ(TryAnnounce(Announced("d"), 2), absl::OkStatus());
}

TEST_P(UploadContract, StoresTheAnswerOfAnAnnouncementUnderItsKey) {
  const IdempotentWrite once = Once(Reserve(store()));
  EXPECT_EQ(uploads().CreateUpload(Announced("a"), kMaxOpen, once), absl::OkStatus());
  EXPECT_EQ(Reserve(store()).answer, std::string("a\0new", 5));
  EXPECT_EQ(ReasonOf(uploads().CreateUpload(Announced("b"), kMaxOpen, once)),
            "IDEMPOTENCY_KEY_LOST");
  EXPECT_TRUE(absl::IsNotFound(uploads().GetUpload("b").status()));
}

TEST_P(UploadContract, ListsAnOwnersNewestFirst) {
  for (const char* id : {"a", "b", "c", "d"}) Announce(id);
  Announce("e", "bob");
  End("b");
  std::vector<std::string> ids;
  for (const DirectUpload& upload : Value(uploads().ListUploads("ann", "", 3))) {
    ids.push_back(upload.id);
  }
  EXPECT_THAT(ids, ::testing::ElementsAre("d", "c", "b"));
  EXPECT_EQ(Value(uploads().ListUploads("ann", "b", 3)).size(), 1u);
  EXPECT_TRUE(Value(uploads().ListUploads("ann", "", 0)).empty());
  EXPECT_TRUE(Value(uploads().ListUploads("Ann", "", 9)).empty());
}

TEST_P(UploadContract, CountsOpenOnesAsUsed) {
  Create("image");
  Announce("a");
  Announce("b");
  Announce("c", "bob");
  Usage usage = Value(store().UsageOf("ann"));
  EXPECT_EQ(usage.images, 3);
  EXPECT_EQ(usage.bytes, 3 * 12345);
  // Neither twice nor not at all once it is an image.
  Value(Complete("a"));
  usage = Value(store().UsageOf("ann"));
  EXPECT_EQ(usage.images, 3);
  EXPECT_EQ(usage.bytes, 3 * 12345);
  // A duplicate takes no room any more.
  Value(Complete("b", "bytes of image"));
  EXPECT_EQ(Value(store().UsageOf("ann")).images, 2);
  End("c");
  EXPECT_EQ(Value(store().UsageOf("bob")).images, 0);
  EXPECT_EQ(Value(store().UsageOf("bob")).bytes, 0);
}

TEST_P(UploadContract, BecomesAnImageWithJobAndEventInOneTransaction) {
  Announce("a");
  const CreatedImage created = Value(Complete("a"));
  EXPECT_EQ(created.image.id, "a");
  EXPECT_EQ(created.image.state, ImageState::kPending);
  EXPECT_FALSE(created.deduplicated);
  EXPECT_THAT(EventTypes(), ::testing::ElementsAre(kImageCreated));
  EXPECT_EQ(LeaseOne().image.id, "a");
  const DirectUpload upload = Get("a");
  EXPECT_EQ(upload.state, UploadState::kCompleted);
  EXPECT_EQ(upload.image_id, "a");
  EXPECT_EQ(upload.end_time, kNoon);
  EXPECT_FALSE(upload.incoming_gone);
}

TEST_P(UploadContract, IsCompletedOnceAndAnsweredAlikeEachTime) {
  Announce("a");
  Value(Complete("a"));
  const CreatedImage again = Value(Complete("a", "", kNoon + absl::Hours(1)));
  EXPECT_EQ(again.image.id, "a");
  EXPECT_FALSE(again.deduplicated);
  EXPECT_EQ(EventTypes().size(), 1u);
  EXPECT_EQ(Get("a").end_time, kNoon);
  // Its state is what has become of it since.
  Value(store().CompleteJob(Ref(LeaseOne()), Processed(), kNoon));
  EXPECT_EQ(Value(Complete("a")).image.state, ImageState::kReady);
  Value(store().DeleteImage("a", kNoon, Allow));
  EXPECT_TRUE(absl::IsNotFound(Complete("a").status()));
  EXPECT_TRUE(absl::IsNotFound(store().GetImage("a").status()));
}

TEST_P(UploadContract, OfBytesThatTheOwnerHasBecomesThatImage) {
  Create("first");
  Announce("a");
  const CreatedImage created = Value(Complete("a", "bytes of first"));
  EXPECT_EQ(created.image.id, "first");
  EXPECT_TRUE(created.deduplicated);
  EXPECT_EQ(Get("a").image_id, "first");
  EXPECT_TRUE(Get("a").deduplicated);
  const CreatedImage again = Value(Complete("a", "bytes of first"));
  EXPECT_EQ(again.image.id, "first");
  EXPECT_TRUE(again.deduplicated);
  EXPECT_TRUE(absl::IsNotFound(store().GetImage("a").status()));
  EXPECT_EQ(EventTypes().size(), 1u);
}

TEST_P(UploadContract, IsNotCompletedOnceItHasEndedOtherwise) {
  for (const char* id : {"aborted", "expired", "failed"}) Announce(id);
  End("aborted");
  End("expired", UploadState::kExpired);
  End("failed", UploadState::kFailed, "NOT_AN_IMAGE");
  EXPECT_EQ(ReasonOf(Complete("aborted").status()), "UPLOAD_ABORTED");
  EXPECT_EQ(ReasonOf(Complete("expired").status()), "UPLOAD_EXPIRED");
  EXPECT_EQ(ReasonOf(Complete("failed").status()), "NOT_AN_IMAGE");
  EXPECT_EQ(ReasonOf(Complete("never").status()), "UPLOAD_NOT_FOUND");
  EXPECT_TRUE(Events().empty());
  EXPECT_TRUE(Value(store().ListImages({.viewer = "ann"})).empty());
}

TEST_P(UploadContract, StaysOpenIfItsImageCanNotBeMade) {
  Announce("a");
  NewImage image = Upload("a");
  image.upload = "a";
  image.unless_duplicate = absl::ResourceExhaustedError("no room");
  EXPECT_TRUE(absl::IsResourceExhausted(store().CreateImage(image, kNoon).status()));
  EXPECT_EQ(Get("a").state, UploadState::kOpen);
  Value(Complete("a"));
}

TEST_P(UploadContract, EndsOnce) {
  Announce("a");
  const EndedUpload ended = End("a", UploadState::kFailed, "DIGEST_MISMATCH");
  EXPECT_TRUE(ended.by_this_call);
  EXPECT_EQ(ended.upload.state, UploadState::kFailed);
  EXPECT_EQ(ended.upload.failure, "DIGEST_MISMATCH");
  EXPECT_EQ(ended.upload.end_time, kNoon);
  const EndedUpload again = End("a", UploadState::kAborted, "", kNoon + absl::Hours(1));
  EXPECT_FALSE(again.by_this_call);
  EXPECT_EQ(again.upload, ended.upload);
  Announce("b");
  Value(Complete("b"));
  EXPECT_FALSE(End("b").by_this_call);
  EXPECT_EQ(Get("b").state, UploadState::kCompleted);
  EXPECT_TRUE(
      absl::IsNotFound(uploads().EndUpload("c", UploadState::kAborted, "", kNoon).status()));
}

TEST_P(UploadContract, IsDueWhenItsTimeHasCome) {
  DirectUpload later = Announced("a");
  later.check_time = kNoon + absl::Minutes(5);
  EXPECT_EQ(TryAnnounce(later), absl::OkStatus());
  Announce("b");
  Announce("c");
  EXPECT_THAT(Due(kNoon), ::testing::IsEmpty());
  EXPECT_THAT(Due(kNoon + absl::Minutes(1)), ::testing::ElementsAre("b", "c"));
  EXPECT_THAT(Due(kNoon + absl::Hours(1)), ::testing::ElementsAre("b", "c", "a"));
  EXPECT_THAT(Due(kNoon + absl::Hours(1), 1), ::testing::ElementsAre("b"));
  EXPECT_EQ(uploads().PostponeUpload("b", kNoon + absl::Minutes(2)), absl::OkStatus());
  EXPECT_EQ(Get("b").checks, 1);
  EXPECT_THAT(Due(kNoon + absl::Minutes(1)), ::testing::ElementsAre("c"));
  // One that ends is cleaned up at once, a completed one by who completed it.
  End("c");
  EXPECT_THAT(Due(kNoon), ::testing::ElementsAre("c"));
  Value(Complete("b"));
  EXPECT_THAT(Due(kNoon), ::testing::ElementsAre("c"));
  EXPECT_THAT(Due(kNoon + absl::Minutes(1)), ::testing::ElementsAre("c", "b"));
  EXPECT_EQ(uploads().PostponeUpload("never", kNoon), absl::OkStatus());
}

TEST_P(UploadContract, IsForgottenOnlyOnceItHoldsNothing) {
  Announce("a");
  EXPECT_EQ(uploads().NoteIncomingGone("a", kNoon), absl::OkStatus());
  EXPECT_FALSE(Get("a").incoming_gone);
  EXPECT_EQ(uploads().ForgetUpload("a"), absl::OkStatus());
  EXPECT_EQ(Get("a").state, UploadState::kOpen);
  End("a");
  EXPECT_EQ(uploads().ForgetUpload("a"), absl::OkStatus());
  EXPECT_EQ(Get("a").state, UploadState::kAborted);
  EXPECT_EQ(uploads().NoteIncomingGone("a", kNoon + absl::Hours(24)), absl::OkStatus());
  EXPECT_TRUE(Get("a").incoming_gone);
  EXPECT_THAT(Due(kNoon + absl::Hours(23)), ::testing::IsEmpty());
  EXPECT_EQ(uploads().ForgetUpload("a"), absl::OkStatus());
  EXPECT_TRUE(absl::IsNotFound(uploads().GetUpload("a").status()));
  EXPECT_EQ(uploads().ForgetUpload("a"), absl::OkStatus());
  EXPECT_EQ(uploads().NoteIncomingGone("a", kNoon), absl::OkStatus());
}

// As several apis do, and somebody who gives it up meanwhile.
TEST_P(UploadContract, EndsOneWayWhenManyCompleteAndAbortAtOnce) {
  constexpr int kRounds = 10;
  for (int round = 0; round < kRounds; ++round) {
    const std::string id = "u" + std::to_string(round);
    Announce(id);
    std::atomic<int> completed = 0;
    std::atomic<int> refused = 0;
    std::atomic<int> aborted = 0;
    InThreads(4, [&](int thread) {
      if (thread == 3) {
        aborted += Value(uploads().EndUpload(id, UploadState::kAborted, "", kNoon)).by_this_call;
        return;
      }
      const absl::StatusOr<CreatedImage> created = Complete(id);
      if (created.ok()) {
        EXPECT_EQ(created->image.id, id);
        EXPECT_FALSE(created->deduplicated);
        ++completed;
      } else {
        EXPECT_EQ(ReasonOf(created.status()), "UPLOAD_ABORTED") << created.status();
        ++refused;
      }
    });
    EXPECT_EQ(completed + refused, 3);
    EXPECT_EQ(aborted, refused == 0 ? 0 : 1);
    EXPECT_EQ(store().GetImage(id).ok(), completed > 0);
    EXPECT_EQ(completed > 0, refused == 0);
  }
}

}  // namespace stockroom::api
