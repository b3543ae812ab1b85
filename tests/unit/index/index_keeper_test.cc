#include "services/api/index/index_keeper.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>

#include "services/api/domain/catalog.h"
#include "services/common/base/status.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/api/backstage.h"
#include "tests/unit/api/forwarding_store.h"

namespace stockroom::api {
namespace {

using ::testing::IsEmpty;

class IndexKeeperTest : public Backstage {
 protected:
  // As main.cc puts it together.
  struct Api {
    Api(IndexKeeperTest& test, MetadataStore& store) : Api(store, test.OptionsOf()) {}
    Api(MetadataStore& store, const IndexKeeper::Options& options)
        : keeper(IndexKeeper::Open(options, store, position, metrics).value()),
          follower({.poll = absl::Milliseconds(5),
                    .on_deleted = [](const std::string&) {},
                    .restore =
                        [this] {
                          auto restored = keeper->Restore();
                          was_restored = restored.ok() && restored->has_value();
                          return restored;
                        },
                    .loading = &keeper->index()},
                   store, keeper->index(), position, completions, metrics) {
      std::promise<void> ready;
      follower.Start([&] { ready.set_value(); });
      ready.get_future().wait();
      keeper->Start(follower, [this] { ++rebuilt; });
    }
    ~Api() {
      follower.Stop();
      keeper->Stop();
    }
    IndexVerdict Verify() { return keeper->Verify(Call()).value(); }

    Metrics metrics;
    TimerQueue timers;
    FeedPosition position{timers};
    Completions completions{timers};
    std::atomic<bool> was_restored{false};
    std::atomic<int> rebuilt{0};
    std::unique_ptr<IndexKeeper> keeper;
    FeedFollower follower;
  };

  IndexKeeper::Options OptionsOf() const {
    return {.index = {.documents = {.folder = folder_.path()}}, .checkpoint_every = absl::Hours(1)};
  }
  // So little room for documents that one with Describe() does not fit.
  IndexKeeper::Options CrampedOptions() const {
    IndexKeeper::Options options = OptionsOf();
    options.index.documents.file_bytes = 64 << 10;
    options.index.documents.max_bytes = 512 << 10;
    return options;
  }
  void Describe(const std::string& id, size_t bytes) {
    const auto edit = [&](Image& image) {
      image.described.description.assign(bytes, 'x');
      return absl::OkStatus();
    };
    ASSERT_TRUE(store_->UpdateImage(id, absl::Now(), edit).ok());
  }
  // What stands in the documents' files behind their headers.
  void SpoilDocuments() {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_.path())) {
      if (!entry.path().filename().string().starts_with("documents-")) continue;
      std::fstream file(entry.path(), std::ios::binary | std::ios::in | std::ios::out);
      file.seekp(64);
      file << std::string(8192, '!');
    }
  }
  static void Until(const std::function<bool()>& done) {
    const absl::Time end = absl::Now() + absl::Seconds(30);
    while (!done() && absl::Now() < end) std::this_thread::yield();
    ASSERT_TRUE(done());
  }

  std::string Ready(const std::string& name) {
    const auto uploaded = Upload(Png(name), {.described = {.title = name}});
    const LeasedJob job = Lease();
    EXPECT_TRUE(store_->CompleteJob({job.job.id, job.job.token}, {}, absl::Now()).ok());
    return uploaded->image.id;
  }
  void Follow(Api& api) { ASSERT_TRUE(Await(api.position, store_->GetFeedRange()->last).ok()); }

  testing::TempFolder folder_;
};

TEST_F(IndexKeeperTest, ARestartTakesTheCheckpointAndTheRestFromTheFeed) {
  const std::string kept = Ready("kept");
  const std::string gone = Ready("gone");
  {
    Api api(*this, *store_);
    EXPECT_FALSE(api.was_restored);
    EXPECT_EQ(api.keeper->index().size(), 2);
  }
  const std::string later = Ready("later");
  Catalog catalog(*store_, blobs_, Clock::Real());
  ASSERT_TRUE(catalog.Delete(Call(), Anna(), gone).ok());
  Api api(*this, *store_);
  EXPECT_TRUE(api.was_restored);
  EXPECT_EQ(api.keeper->index().size(), 2);
  EXPECT_NE(api.keeper->index().Find(kept), nullptr);
  EXPECT_NE(api.keeper->index().Find(later), nullptr);
  EXPECT_EQ(api.Verify().differing, 0);
}

TEST_F(IndexKeeperTest, ACheckpointOfAnotherDatabaseIsNotTaken) {
  Ready("here");
  { Api api(*this, *store_); }
  const std::unique_ptr<MetadataStore> other = NewMemoryStore();
  Api api(*this, *other);
  EXPECT_FALSE(api.was_restored);
  EXPECT_EQ(api.keeper->index().size(), 0);
}

TEST_F(IndexKeeperTest, ACheckpointThatTheFeedDoesNotReachBackToIsLoadedOver) {
  const std::string gone = Ready("gone");
  { Api api(*this, *store_); }
  Catalog catalog(*store_, blobs_, Clock::Real());
  ASSERT_TRUE(catalog.Delete(Call(), Anna(), gone).ok());
  Ready("later");
  ASSERT_TRUE(store_->TrimEvents(absl::InfiniteFuture(), 1000).ok());
  Api api(*this, *store_);
  EXPECT_EQ(api.keeper->index().Find(gone), nullptr) << "its deletion was never read";
  EXPECT_EQ(api.keeper->index().size(), 1);
  EXPECT_EQ(api.Verify().differing, 0);
}

TEST_F(IndexKeeperTest, VerifyNamesWhatIsMissingTooMuchOrOtherwise) {
  const std::string same = Ready("same");
  const std::string missing = Ready("missing");
  const std::string other = Ready("other");
  Api api(*this, *store_);
  IndexVerdict verdict = api.Verify();
  EXPECT_EQ(verdict.images, 3);
  EXPECT_EQ(verdict.differing, 0);
  EXPECT_EQ(verdict.index_sum, verdict.database_sum);

  api.keeper->index().Apply({}, {missing});
  Image changed = store_->GetImage(other).value();
  changed.described.title = "not what the database has";
  ++changed.revision;
  Image invented = changed;
  invented.id = "01890000-0000-7000-8000-000000000000";
  api.keeper->index().Apply({changed, invented}, {});
  verdict = api.Verify();
  EXPECT_EQ(verdict.differing, 3);
  EXPECT_THAT(verdict.ids, ::testing::UnorderedElementsAre(missing, other, invented.id));
  EXPECT_NE(verdict.index_sum, verdict.database_sum);

  ASSERT_TRUE(api.keeper->Rebuild(Call()).ok());
  verdict = api.Verify();
  EXPECT_EQ(verdict.differing, 0);
  EXPECT_THAT(verdict.ids, IsEmpty());
  EXPECT_EQ(api.rebuilt, 1);
  EXPECT_EQ(api.keeper->index().size(), 3);
}

TEST_F(IndexKeeperTest, VerifyFindsNothingWhileImagesComeAndGo) {
  Api api(*this, *store_);
  Catalog catalog(*store_, blobs_, Clock::Real());
  std::atomic<bool> enough{false};
  std::thread writer([&] {
    for (int i = 0; !enough; ++i) {
      const std::string id = Ready("busy" + std::to_string(i));
      if (i % 3 == 0) {
        ASSERT_TRUE(catalog.Delete(Call(), Anna(), id).ok());
      }
      api.follower.Poke();
    }
  });
  for (int i = 0; i < 20; ++i) EXPECT_EQ(api.Verify().differing, 0);
  enough = true;
  writer.join();
}

TEST_F(IndexKeeperTest, SearchesAreAnsweredAndChangesFollowedWhileTheIndexIsRebuilt) {
  for (int i = 0; i < 20; ++i) Ready("fox" + std::to_string(i));
  Api api(*this, *store_);
  std::atomic<bool> enough{false};
  std::thread reader([&] {
    while (!enough) {
      const auto found = api.keeper->index().Search(Anna(), {.query = "fox", .page_size = 50});
      ASSERT_TRUE(found.ok());
      ASSERT_GE(found->total, 20);
    }
  });
  for (int i = 0; i < 5; ++i) {
    const std::string before = Ready("fox and more" + std::to_string(i));
    ASSERT_TRUE(api.keeper->Rebuild(Call()).ok());
    EXPECT_NE(api.keeper->index().Find(before), nullptr);
    const std::string after = Ready("fox and even more" + std::to_string(i));
    api.follower.Poke();
    Follow(api);
    EXPECT_NE(api.keeper->index().Find(after), nullptr);
  }
  enough = true;
  reader.join();
  EXPECT_EQ(api.Verify().differing, 0);
}

TEST_F(IndexKeeperTest, ARebuiltIndexIsWhatTheNextStartTakes) {
  Ready("one");
  {
    Api api(*this, *store_);
    ASSERT_TRUE(api.keeper->Rebuild(Call()).ok());
  }
  Api api(*this, *store_);
  EXPECT_TRUE(api.was_restored);
  EXPECT_EQ(api.keeper->index().size(), 1);
  size_t folders = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
    folders += entry.is_directory();
  }
  EXPECT_EQ(folders, 1u) << "the old index has gone";
}

// As after a backup was put back: the catalogue's name is the same, its history is not.
class SetBackStore final : public ForwardingStore {
 public:
  explicit SetBackStore(MetadataStore& inner, MetadataStore& earlier)
      : ForwardingStore(earlier), later_(inner) {}
  absl::StatusOr<std::string> CatalogueId() override { return later_.CatalogueId(); }

 private:
  MetadataStore& later_;
};

TEST_F(IndexKeeperTest, ACheckpointOfADatabaseThatWasPutBackIsThrownAway) {
  const std::string later = Ready("later");
  { Api api(*this, *store_); }
  // With as many events, and of one image with another revision.
  const std::unique_ptr<MetadataStore> earlier = NewMemoryStore();
  const std::string other = "01890000-0000-7000-8000-000000000000";
  ASSERT_TRUE(earlier->CreateImage({.id = other, .owner = "anna"}, absl::Now()).ok());
  while (earlier->GetFeedRange()->last < store_->GetFeedRange()->last) {
    const auto longer = [](Image& image) {
      image.described.title += "x";
      return absl::OkStatus();
    };
    ASSERT_TRUE(earlier->UpdateImage(other, absl::Now(), longer).ok());
  }
  SetBackStore set_back(*store_, *earlier);
  Api api(*this, set_back);
  EXPECT_FALSE(api.was_restored);
  EXPECT_EQ(api.keeper->index().Find(later), nullptr);
  EXPECT_EQ(api.Verify().differing, 0);
}

TEST_F(IndexKeeperTest, TwoProcessesDoNotShareAFolder) {
  Api api(*this, *store_);
  Metrics metrics;
  FeedPosition position(timers_);
  const auto second = IndexKeeper::Open({.index = {.documents = {.folder = folder_.path()}}},
                                        *store_, position, metrics);
  EXPECT_EQ(DetailsOf(second.status()).reason, "FOLDER_IN_USE");
}

TEST_F(IndexKeeperTest, WhatElseLiesInItsFolderStays) {
  std::filesystem::create_directories(folder_.file("2019"));
  Ready("one");
  {
    Api api(*this, *store_);
    ASSERT_TRUE(api.keeper->Rebuild(Call()).ok());
  }
  { Api api(*this, *store_); }
  EXPECT_TRUE(std::filesystem::exists(folder_.file("2019")));
}

TEST_F(IndexKeeperTest, CareThatNobodyWaitsForEnds) {
  Ready("one");
  Api api(*this, *store_);
  CallContext context = Call();
  context.cancellation->Cancel();
  EXPECT_EQ(api.keeper->Verify(context).status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(api.keeper->Rebuild(context).status().code(), absl::StatusCode::kCancelled);
  EXPECT_TRUE(api.keeper->Rebuild(Call()).ok());
}

TEST_F(IndexKeeperTest, WhatTheIndexCouldNotTakeInIsNotForgottenByACheckpoint) {
  const std::string id = Ready("one");
  { Api api(*this, *store_); }
  {
    Api api(*store_, CrampedOptions());
    EXPECT_TRUE(api.was_restored);
    Describe(id, 600 << 10);
    api.follower.Poke();
    Follow(api);
    EXPECT_FALSE(api.follower.whole());
    EXPECT_EQ(api.keeper->index().Find(id), nullptr);
  }
  Api api(*this, *store_);
  EXPECT_TRUE(api.was_restored) << "the checkpoint before it";
  EXPECT_NE(api.keeper->index().Find(id), nullptr);
  EXPECT_EQ(api.Verify().differing, 0);
}

TEST_F(IndexKeeperTest, ARebuildThatHasNoRoomLeavesTheIndexAsItIs) {
  const std::string id = Ready("one");
  Api api(*store_, CrampedOptions());
  api.follower.Stop();
  Describe(id, 600 << 10);
  const absl::Status rebuilt = api.keeper->Rebuild(Call()).status();
  EXPECT_EQ(rebuilt.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(DetailsOf(rebuilt).reason, "INDEX_FULL");
  EXPECT_NE(api.keeper->index().Find(id), nullptr);
}

TEST_F(IndexKeeperTest, ADamagedIndexIsRebuiltAndSaved) {
  const std::string id = Ready("one");
  { Api api(*this, *store_); }
  SpoilDocuments();
  IndexKeeper::Options options = OptionsOf();
  options.checkpoint_every = absl::Milliseconds(5);
  options.first_repair_pause = absl::Milliseconds(5);
  {
    Api api(*store_, options);
    EXPECT_TRUE(api.was_restored);
    EXPECT_EQ(api.keeper->index().Find(id), nullptr);
    Counter& saved = api.metrics.GetCounter("stockroom_index_checkpoints_total", "");
    Until([&] { return api.rebuilt == 1 && saved.value() > 0; });
    EXPECT_NE(api.keeper->index().Find(id), nullptr);
    EXPECT_EQ(api.metrics.GetCounter("stockroom_index_repairs_total", "").value(), 1u);
    EXPECT_EQ(api.keeper->index().damaged(), 0);
  }
  Api api(*this, *store_);
  EXPECT_TRUE(api.was_restored);
  EXPECT_NE(api.keeper->index().Find(id), nullptr);
}

TEST_F(IndexKeeperTest, ARepairThatFailsIsTriedAgainAfterAPause) {
  const std::string id = Ready("one");
  { Api api(*this, *store_); }
  SpoilDocuments();
  IndexKeeper::Options options = CrampedOptions();
  options.checkpoint_every = absl::Milliseconds(5);
  options.first_repair_pause = absl::Milliseconds(5);
  const std::string large = Ready("large");
  Describe(large, 600 << 10);
  Api api(*store_, options);
  EXPECT_EQ(api.keeper->index().Find(id), nullptr);
  Counter& repairs = api.metrics.GetCounter("stockroom_index_repairs_total", "");
  Until([&] { return repairs.value() >= 2; });
  EXPECT_EQ(api.rebuilt, 0);
  Describe(large, 10);
  Until([&] { return api.keeper->index().Find(id) != nullptr; });
}

TEST_F(IndexKeeperTest, AnErrandToAFollowerThatHasStoppedIsRefused) {
  Api api(*this, *store_);
  api.follower.Stop();
  EXPECT_EQ(api.follower.Between([] {}).code(), absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace stockroom::api
