#include <gtest/gtest.h>

#include "services/common/base/status.h"
#include "tests/unit/api/backstage.h"

namespace stockroom::api {
namespace {

using UploadsTest = Backstage;

TEST_F(UploadsTest, StoresBytesThenRecordsImageAndJob) {
  const auto created =
      Upload(Png("one"), {.described = {.title = "One"}, .filename = "a/b/one.png"});
  ASSERT_TRUE(created.ok()) << created.status();
  EXPECT_EQ(created->image.state, ImageState::kPending);
  EXPECT_EQ(created->image.described.title, "One");
  EXPECT_EQ(created->image.filename, "one.png");
  EXPECT_EQ(created->image.owner, "anna");
  EXPECT_EQ(created->image.sha256, Digest::Of(Png("one")));
  EXPECT_EQ(created->image.size_bytes, static_cast<int64_t>(Png("one").size()));
  EXPECT_EQ(blobs_.blob_count(), 1u);
  EXPECT_EQ(Lease().image.id, created->image.id);
}

TEST_F(UploadsTest, WithoutDurableBytesThereIsNoRow) {  // blob first, row last
  blobs_.FailNext(MemoryBlobClient::Call::kPutBlob, absl::UnavailableError("disk gone"));
  EXPECT_TRUE(absl::IsUnavailable(Upload(Png("x")).status()));
  EXPECT_EQ(ImageCount(), 0u);
}

TEST_F(UploadsTest, RefusesWhatIsNoImageHoweverItIsCut) {
  const std::string text(400, 't');
  auto session = *uploads_.Begin(Call(), Anna(), {});
  absl::Status status;
  for (size_t i = 0; i < text.size() && status.ok(); i += 7) {
    status = Write(*session, text.substr(i, 7));
  }
  if (status.ok()) status = Finish(*session).status();
  EXPECT_EQ(DetailsOf(status).reason, "NOT_AN_IMAGE");
  EXPECT_EQ(DetailsOf(Upload("short").status()).reason, "NOT_AN_IMAGE");
  EXPECT_EQ(DetailsOf(Upload("").status()).reason, "EMPTY_UPLOAD");
  EXPECT_EQ(blobs_.blob_count(), 0u);
  EXPECT_EQ(ImageCount(), 0u);
}

TEST_F(UploadsTest, KeepsEveryByteWhenChunksAreTiny) {
  const std::string bytes = Png(std::string(600, 'x'));
  auto session = *uploads_.Begin(Call(), Anna(), {});
  for (const char c : bytes) ASSERT_TRUE(Write(*session, std::string(1, c)).ok());
  const auto created = Finish(*session);
  ASSERT_TRUE(created.ok()) << created.status();
  EXPECT_EQ(created->image.sha256, Digest::Of(bytes));
}

TEST_F(UploadsTest, RefusesTooManyBytesAndWrongDigests) {
  EXPECT_EQ(DetailsOf(Upload(Png(std::string(1000, 'x'))).status()).reason, "TOO_LARGE");
  EXPECT_TRUE(
      absl::IsDataLoss(Upload(Png("y"), {.expected_sha256 = Digest::Of("other")}).status()));
  EXPECT_EQ(ImageCount(), 0u);
}

TEST_F(UploadsTest, TheSameBytesOfOneOwnerAreOneImage) {
  const auto first = Upload(Png("same"));
  const auto again = Upload(Png("same"), {.described = {.title = "ignored"}});
  EXPECT_TRUE(again->deduplicated);
  EXPECT_EQ(again->image.id, first->image.id);
  EXPECT_FALSE(Upload(Png("same"), {}, Ben())->deduplicated) << "others are told nothing";
  const auto wanted = Upload(Png("same"), {.allow_duplicate = true});
  EXPECT_FALSE(wanted->deduplicated);
  EXPECT_NE(wanted->image.id, first->image.id);
  EXPECT_EQ(blobs_.blob_count(), 1u);
}

TEST_F(UploadsTest, AnAbandonedUploadLeavesNothing) {
  auto session = *uploads_.Begin(Call(), Anna(), {});
  ASSERT_TRUE(Write(*session, Png(std::string(300, 'z'))).ok());
  session.reset();
  EXPECT_EQ(blobs_.blob_count(), 0u);
  EXPECT_EQ(ImageCount(), 0u);
}

TEST_F(UploadsTest, ACallThatWasCancelledBeforeTheCommitRecordsNothing) {
  const CallContext context = Call();
  auto session = *uploads_.Begin(context, Anna(), {});
  ASSERT_TRUE(Write(*session, Png("gone")).ok());
  context.cancellation->Cancel();
  EXPECT_FALSE(Finish(*session).ok());
  EXPECT_EQ(ImageCount(), 0u);
}

TEST_F(UploadsTest, SaysSoWhenTooManyRunAndTakesMoreWhenOneEnds) {
  auto first = *uploads_.Begin(Call(), Anna(), {});
  auto second = *uploads_.Begin(Call(), Anna(), {});
  const auto third = uploads_.Begin(Call(), Anna(), {});
  EXPECT_TRUE(absl::IsResourceExhausted(third.status()));
  EXPECT_TRUE(DetailsOf(third.status()).retry_after.has_value());
  first.reset();
  EXPECT_TRUE(uploads_.Begin(Call(), Anna(), {}).ok());
}

TEST_F(UploadsTest, RefusesDescriptionsThatDoNotFit) {
  const auto field = [&](Description d) {
    const absl::Status status =
        uploads_.Begin(Call(), Anna(), {.described = std::move(d)}).status();
    const ErrorDetails details = DetailsOf(status);
    return details.violations.empty() ? "" : details.violations[0].field;
  };
  EXPECT_EQ(field({.title = std::string(301, 'x')}), "title");
  EXPECT_EQ(field({.title = "\xFF"}), "title");
  EXPECT_EQ(field({.tags = {"ok", std::string(101, 'x')}}), "tags[1]");
  EXPECT_EQ(field({.attributes = {{"", "x"}}}), "attributes");
  EXPECT_EQ(field({.title = "fine"}), "");
}

TEST_F(UploadsTest, AWaitingUploaderIsToldWhenTheImageIsReady) {
  auto session = *uploads_.Begin(Call(), Anna(), {.wait = true});
  ASSERT_TRUE(Write(*session, Png("wait")).ok());
  std::promise<absl::StatusOr<UploadResult>> done;
  session->Finish([&](absl::StatusOr<UploadResult> r) { done.set_value(std::move(r)); });
  while (completions_.waiting() == 0) std::this_thread::yield();
  const LeasedJob leased = Lease();
  ASSERT_TRUE(store_
                  ->CompleteJob({leased.job.id, leased.job.token},
                                {.facts = {.width = 3, .height = 2}}, absl::Now())
                  .ok());
  completions_.Notify(leased.image.id);
  const auto created = done.get_future().get();
  ASSERT_TRUE(created.ok()) << created.status();
  EXPECT_EQ(created->image.state, ImageState::kReady);
  EXPECT_EQ(created->image.facts.width, 3);
}

TEST_F(UploadsTest, AWaitingUploaderIsToldWhyAnImageFailed) {
  auto session = *uploads_.Begin(Call(), Anna(), {.wait = true});
  ASSERT_TRUE(Write(*session, Png("bad")).ok());
  std::promise<absl::StatusOr<UploadResult>> done;
  session->Finish([&](absl::StatusOr<UploadResult> r) { done.set_value(std::move(r)); });
  while (completions_.waiting() == 0) std::this_thread::yield();
  const LeasedJob leased = Lease();
  ASSERT_TRUE(store_
                  ->FailJob({leased.job.id, leased.job.token}, FailKind::kFailed, "it is cut off",
                            absl::Now())
                  .ok());
  completions_.Notify(leased.image.id);
  const absl::Status status = done.get_future().get().status();
  EXPECT_EQ(DetailsOf(status).reason, "BAD_IMAGE");
  EXPECT_NE(std::string(status.message()).find("it is cut off"), std::string::npos);
  EXPECT_EQ(DetailsOf(status).metadata.at("image_id"), leased.image.id);
}

TEST_F(UploadsTest, AWaitingUploaderWhoLeavesIsNotWaitedForAnyMore) {
  const CallContext context = Call();
  auto session = *uploads_.Begin(context, Anna(), {.wait = true});
  ASSERT_TRUE(Write(*session, Png("gone")).ok());
  std::promise<absl::StatusOr<UploadResult>> done;
  session->Finish([&](absl::StatusOr<UploadResult> r) { done.set_value(std::move(r)); });
  while (completions_.waiting() == 0) std::this_thread::yield();
  context.cancellation->Cancel();
  EXPECT_TRUE(absl::IsCancelled(done.get_future().get().status()));
  EXPECT_EQ(completions_.waiting(), 0u);
  EXPECT_EQ(ImageCount(), 1u) << "it is stored all the same";
}

// Workers may be away for long, and uploads without waiting must go on.
TEST_F(UploadsTest, UploadsThatWaitTakeNoPlace) {
  std::vector<std::unique_ptr<UploadSession>> waiting;
  for (const char* bytes : {"a", "b", "c"}) {
    auto session = uploads_.Begin(Call(), Anna(), {.wait = true});
    ASSERT_TRUE(session.ok()) << session.status();
    ASSERT_TRUE(Write(**session, Png(bytes)).ok());
    (*session)->Finish([](const auto&) {});
    waiting.push_back(*std::move(session));
    while (completions_.waiting() < waiting.size()) std::this_thread::yield();
  }
  EXPECT_TRUE(Upload(Png("d")).ok());
  const auto images = store_->ListImages({.viewer = "anna", .limit = 10});
  for (const Image& image : *images) completions_.Notify(image.id);
}

TEST_F(UploadsTest, AWaitThatTakesTooLongAnswersWithTheStateSoFar) {
  const auto created = Upload(Png("slow"), {.wait = true, .wait_timeout = absl::Milliseconds(20)});
  ASSERT_TRUE(created.ok()) << created.status();
  EXPECT_EQ(created->image.state, ImageState::kPending);
}

}  // namespace
}  // namespace stockroom::api
