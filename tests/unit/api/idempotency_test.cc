// Writes sent twice, and writes under a condition.
#include "services/api/domain/idempotency.h"

#include <gtest/gtest.h>

#include "services/api/domain/catalog.h"
#include "services/api/handlers/image_handlers.h"
#include "services/common/base/status.h"
#include "tests/unit/api/backstage.h"

namespace stockroom::api {
namespace {

class IdempotencyTest : public Backstage {
 protected:
  static CallContext Keyed(const std::string& key) {
    CallContext context = Call();
    context.idempotency_key = key;
    context.replayed = std::make_shared<std::atomic<bool>>(false);
    return context;
  }
  absl::StatusOr<v1::UploadImageResponse> Put(const CallContext& context, const std::string& bytes,
                                              const std::string& title = "",
                                              const Principal& who = Anna()) {
    v1::UploadHeader header;
    header.set_title(title);
    header.set_allow_duplicate(true);
    auto session = handlers_.BeginUpload(context, who, header);
    if (!session.ok()) return session.status();
    if (absl::Status written = Write(**session, bytes); !written.ok()) return written;
    const absl::StatusOr<UploadResult> result = Finish(**session);
    if (!result.ok()) return result.status();
    return ImageHandlers::UploadAnswer(*result);
  }
  absl::StatusOr<v1::Image> Retitle(const CallContext& context, const std::string& id,
                                    const std::string& title, int64_t if_revision = 0) {
    v1::UpdateImageRequest request;
    request.mutable_image()->set_id(id);
    request.mutable_image()->set_title(title);
    request.set_if_revision(if_revision);
    v1::Image image;
    absl::Status status = handlers_.UpdateImage(context, Anna(), request, &image);
    if (!status.ok()) return status;
    return image;
  }
  static std::string Reason(const absl::Status& status) { return DetailsOf(status).reason; }

  Catalog catalog_{*store_, blobs_, Clock::Real()};
  MemorySearchIndex index_{metrics_};
  Reprocessing reprocessing_{{}, *store_, index_, Clock::Real(), [] {}};
  ImageHandlers handlers_{uploads_, catalog_, reprocessing_};
};

TEST_F(IdempotencyTest, AnUploadSentTwiceMakesOneImageAndOneAnswer) {
  const auto first = Put(Keyed("k"), Png("a"));
  const CallContext again = Keyed("k");
  const auto second = Put(again, Png("a"));
  ASSERT_TRUE(first.ok() && second.ok()) << first.status() << second.status();
  EXPECT_EQ(first->SerializeAsString(), second->SerializeAsString());
  EXPECT_TRUE(again.replayed->load());
  EXPECT_EQ(ImageCount(), 1u);
}

TEST_F(IdempotencyTest, AKeyIsForOneRequestOnly) {
  ASSERT_TRUE(Put(Keyed("k"), Png("a")).ok());
  EXPECT_EQ(Reason(Put(Keyed("k"), Png("b")).status()), "IDEMPOTENCY_KEY_REUSED");
  EXPECT_EQ(Reason(Put(Keyed("k"), Png("a"), "other").status()), "IDEMPOTENCY_KEY_REUSED");
  EXPECT_TRUE(Put(Keyed("k2"), Png("a")).ok());
  EXPECT_TRUE(Put(Keyed("k"), Png("b"), "", Ben()).ok()) << "keys of others never meet";
}

TEST_F(IdempotencyTest, WhileTheFirstCallRunsTheSecondIsTold) {
  const absl::Time now = absl::Now();
  ASSERT_TRUE(store_->ReserveKey("anna", "k", now, now + absl::Minutes(1)).ok());
  const auto second = Put(Keyed("k"), Png("a"));
  EXPECT_TRUE(absl::IsAborted(second.status()));
  EXPECT_EQ(Reason(second.status()), "IDEMPOTENCY_KEY_IN_FLIGHT");
  EXPECT_TRUE(DetailsOf(second.status()).retry_after.has_value());
  EXPECT_EQ(ImageCount(), 0u);
}

TEST_F(IdempotencyTest, AReservationOfAProcessThatDiedRunsOut) {
  const absl::Time past = absl::Now() - absl::Minutes(2);
  ASSERT_TRUE(store_->ReserveKey("anna", "k", past, past + absl::Minutes(1)).ok());
  EXPECT_TRUE(Put(Keyed("k"), Png("a")).ok());
}

TEST_F(IdempotencyTest, AnErrorFreesTheKey) {
  const std::string id = Put(Call(), Png("a"))->image().id();
  EXPECT_EQ(Reason(Retitle(Keyed("k"), id, "new", 7).status()), "REVISION_MISMATCH");
  const auto image = Retitle(Keyed("k"), id, "other");
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(image->title(), "other");
}

TEST_F(IdempotencyTest, AWaitedUploadThatFailedIsRepeatedAsFailed) {
  v1::UploadHeader header;
  header.set_wait(true);
  const auto put = [&](const auto& meanwhile) {
    auto session = *handlers_.BeginUpload(Keyed("k"), Anna(), header);
    EXPECT_TRUE(Write(*session, Png("bad")).ok());
    auto done = std::make_shared<std::promise<absl::StatusOr<UploadResult>>>();
    auto answer = done->get_future();
    session->Finish([done](absl::StatusOr<UploadResult> r) { done->set_value(std::move(r)); });
    meanwhile();
    const absl::StatusOr<UploadResult> result = answer.get();
    return result.ok() ? ImageHandlers::UploadAnswer(*result).status() : result.status();
  };
  const absl::Status first = put([&] {
    while (completions_.waiting() == 0) std::this_thread::yield();
    const LeasedJob leased = Lease();
    const JobRef job{leased.job.id, leased.job.token};
    ASSERT_TRUE(store_->FailJob(job, FailKind::kFailed, "it is cut off", absl::Now()).ok());
    completions_.Notify(leased.image.id);
  });
  EXPECT_EQ(Reason(first), "BAD_IMAGE");
  EXPECT_EQ(put([] {}), first);
}

TEST_F(IdempotencyTest, AnUpdateSentTwiceIsDoneOnceAndAnsweredAlike) {
  const std::string id = Put(Call(), Png("a"))->image().id();
  const auto first = Retitle(Keyed("k"), id, "new");
  ASSERT_TRUE(Retitle(Call(), id, "newer").ok());
  const auto second = Retitle(Keyed("k"), id, "new");
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_GT(first->feed_position(), 0);
  EXPECT_EQ(first->SerializeAsString(), second->SerializeAsString());
  EXPECT_EQ(catalog_.Get(Anna(), id)->described.title, "newer");
}

TEST_F(IdempotencyTest, ADeletionSentTwiceIsAnsweredAlike) {
  v1::DeleteImageRequest request;
  request.set_id(Put(Call(), Png("a"))->image().id());
  v1::DeleteImageResponse first;
  v1::DeleteImageResponse second;
  v1::DeleteImageResponse third;
  ASSERT_TRUE(handlers_.DeleteImage(Keyed("k"), Anna(), request, &first).ok());
  ASSERT_TRUE(handlers_.DeleteImage(Keyed("k"), Anna(), request, &second).ok());
  EXPECT_GT(first.feed_position(), 0);
  EXPECT_EQ(first.feed_position(), second.feed_position());
  EXPECT_TRUE(absl::IsNotFound(handlers_.DeleteImage(Call(), Anna(), request, &third)));
}

TEST_F(IdempotencyTest, RefusesKeysThatCanNotBeKeys) {
  EXPECT_EQ(Reason(Put(Keyed("a b"), Png("a")).status()), "BAD_IDEMPOTENCY_KEY");
  EXPECT_EQ(Reason(Put(Keyed(std::string(256, 'k')), Png("a")).status()), "BAD_IDEMPOTENCY_KEY");
  EXPECT_TRUE(Put(Keyed(std::string(255, 'k')), Png("a")).ok());
}

TEST_F(IdempotencyTest, AWriteUnderAConditionHappensOnlyAtThatRevision) {
  const std::string id = Put(Call(), Png("a"))->image().id();
  const auto updated = Retitle(Call(), id, "new", 1);
  ASSERT_TRUE(updated.ok()) << updated.status();
  EXPECT_EQ(updated->revision(), 2);
  const absl::Status late = Retitle(Call(), id, "lost update", 1).status();
  EXPECT_TRUE(absl::IsAborted(late));
  EXPECT_EQ(DetailsOf(late).metadata.at("current_revision"), "2");
  const WriteOptions stale{.if_revision = 1};
  EXPECT_EQ(Reason(catalog_.Delete(Call(), Anna(), id, stale).status()), "REVISION_MISMATCH");
  EXPECT_EQ(Reason(catalog_.PutAnalysis(Anna(), id, "x", "{}", stale).status()),
            "REVISION_MISMATCH");
  EXPECT_TRUE(absl::IsPermissionDenied(catalog_.Delete(Call(), Ben(), id, stale).status()));
  EXPECT_EQ(Reason(Retitle(Call(), id, "x", -1).status()), "INVALID_FIELD");
  EXPECT_TRUE(catalog_.Delete(Call(), Anna(), id, {.if_revision = 2}).ok());
}

}  // namespace
}  // namespace stockroom::api
