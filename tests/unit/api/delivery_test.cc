#include <gtest/gtest.h>

#include "services/api/domain/delivery_service.h"
#include "services/common/base/status.h"
#include "services/common/blobs/blocking.h"
#include "services/common/recipe/recipe.h"
#include "tests/unit/api/backstage.h"

namespace stockroom::api {
namespace {

// With a feed follower, which also tells whoever waits for an image.
class DeliveryTest : public Backstage {
 protected:
  void SetUp() override {
    store_->SetCommitListener([this] { follower_.Poke(); });
    follower_.Start([] {});
  }
  void TearDown() override {
    follower_.Stop();
    store_->SetCommitListener([] {});
  }

  std::string Process(const std::string& rendition_bytes, bool store_rendition) {
    const std::string id = Upload(Png("original"))->image.id;
    Complete(rendition_bytes, store_rendition);
    return id;
  }
  // As a worker would.
  void Complete(const std::string& bytes, bool store_rendition) {
    const LeasedJob leased = Lease();
    Rendition made{.preset = "thumb",
                   .recipe = "fit=1x1/format=jpeg/q=80",
                   .key = key_,
                   .format = "jpeg",
                   .media_type = "image/jpeg",
                   .width = 1,
                   .height = 1,
                   .size_bytes = static_cast<int64_t>(bytes.size()),
                   .sha256 = Digest::Of(bytes)};
    if (store_rendition) {
      ASSERT_TRUE(WriteRendition(blobs_, Call(), {leased.image.sha256, key_}, bytes).ok());
    }
    ASSERT_TRUE(store_
                    ->CompleteJob(
                        {leased.job.id, leased.job.token},
                        {.facts = {.width = 1, .height = 1, .format = "png"}, .renditions = {made}},
                        absl::Now())
                    .ok());
  }
  absl::StatusOr<Deliverable> Find(const std::string& id, const std::string& preset,
                                   const std::string& extension, const Principal& who = Anna()) {
    std::promise<absl::StatusOr<Deliverable>> done;
    delivery_.FindRendition(Call(), who, id, preset, extension,
                            [&](absl::StatusOr<Deliverable> r) { done.set_value(std::move(r)); });
    return done.get_future().get();
  }
  absl::StatusOr<std::string> Read(const Deliverable& what) {
    std::promise<absl::StatusOr<std::unique_ptr<ByteSource>>> opened;
    delivery_.Open(Call(), what, {}, [&](absl::StatusOr<std::unique_ptr<ByteSource>> source) {
      opened.set_value(std::move(source));
    });
    auto source = opened.get_future().get();
    if (!source.ok()) return source.status();
    std::string bytes;
    for (;;) {
      std::promise<absl::StatusOr<std::optional<std::string>>> piece;
      (*source)->Read([&](auto r) { piece.set_value(std::move(r)); });
      auto next = piece.get_future().get();
      if (!next.ok()) return next.status();
      if (!*next) return bytes;
      bytes += **next;
    }
  }

  const std::string key_ = std::string(32, 'b');
  MemorySearchIndex index_{metrics_};
  FeedPosition position_{timers_};
  FeedFollower follower_{{}, *store_, index_, position_, completions_, metrics_};
  std::function<void()> on_job_ = [] {};
  DeliveryService delivery_{{.remake_timeout = absl::Seconds(5)},
                            *store_,
                            blobs_,
                            completions_,
                            executor_,
                            Clock::Real(),
                            [this] { on_job_(); },
                            metrics_};
};

TEST_F(DeliveryTest, ServesWhatExistsUnderItsExtension) {
  const std::string id = Process("jpeg bytes", true);
  const auto found = Find(id, "thumb", "jpg");
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->sha256, Digest::Of("jpeg bytes"));
  EXPECT_EQ(*Read(*found), "jpeg bytes");
  EXPECT_EQ(DetailsOf(Find(id, "thumb", "png").status()).reason, "OTHER_FORMAT");
  EXPECT_EQ(DetailsOf(Find(id, "huge", "jpg").status()).reason, "PRESET_NOT_FOUND");
}

TEST_F(DeliveryTest, AnImageThatIsNotProcessedYetSaysSo) {
  const std::string id = Upload(Png("early"))->image.id;
  EXPECT_EQ(DetailsOf(Find(id, "thumb", "jpg").status()).reason, "IMAGE_NOT_READY");
}

TEST_F(DeliveryTest, PrivateImagesAreNotThereForOthers) {
  const auto created = Upload(Png("p"), {.described = {.visibility = Visibility::kPrivate}});
  EXPECT_TRUE(absl::IsNotFound(Find(created->image.id, "thumb", "jpg", Ben()).status()));
}

TEST_F(DeliveryTest, ALostRenditionIsMadeAgainForItsViewer) {
  const std::string id = Process("jpeg bytes", false);
  on_job_ = [this] { Complete("jpeg bytes", true); };
  EXPECT_EQ(*Read(*Find(id, "thumb", "jpg")), "jpeg bytes");
}

TEST_F(DeliveryTest, OtherBytesThanWereFoundAreNotServedUnderTheOldTag) {
  const std::string id = Process("old bytes", false);
  const auto found = Find(id, "thumb", "jpg");
  on_job_ = [this] { Complete("new bytes", true); };
  EXPECT_TRUE(absl::IsAborted(Read(*found).status()));
  EXPECT_EQ(*Read(*Find(id, "thumb", "jpg")), "new bytes");
}

}  // namespace
}  // namespace stockroom::api
