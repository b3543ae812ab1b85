#include "services/api/domain/popularity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <map>
#include <memory>
#include <thread>

#include "services/api/metadata/memory_store.h"
#include "services/common/base/status.h"

namespace stockroom::api {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

// A store that fails when it is told to.
class Failing final : public PopularityStore {
 public:
  explicit Failing(PopularityStore& inner) : inner_(inner) {}
  absl::Status AddPopularity(std::span<const Popularity> increments) override {
    sizes.push_back(increments.size());
    if (fail_at >= 0 && fail_at-- == 0) return absl::UnavailableError("away");
    return inner_.AddPopularity(increments);
  }
  absl::StatusOr<Page> ReadPopularity(const Cursor& after, int limit) override {
    ++reads;
    return inner_.ReadPopularity(after, limit);
  }

  int fail_at = -1;  // how many calls from now
  int reads = 0;
  std::vector<size_t> sizes;

 private:
  PopularityStore& inner_;
};

class PopularityTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (char c = 'a'; c <= 'h'; ++c) {
      NewImage image;
      image.id = std::string(1, c);
      image.owner = "ann";
      image.sha256 = Digest::Of(image.id);
      image.md5 = std::string(16, 'm');
      ASSERT_TRUE(metadata_->CreateImage(image, absl::Now()).ok());
    }
  }
  PopularitySync Sync(PopularitySync::Options options = {}) {
    return PopularitySync(
        std::move(options), counts_, store_,
        [this](const auto& weights) {
          for (const auto& [id, weight] : weights) index_[id] = weight;
        },
        metrics_);
  }
  uint64_t Metric(const std::string& name) { return metrics_.GetCounter(name, "").value(); }

  Metrics metrics_;
  const std::unique_ptr<MetadataStore> metadata_ = NewMemoryStore();
  Failing store_{metadata_->popularity()};
  PopularityCounts counts_{{}, metrics_};
  std::map<std::string, uint32_t> index_;
};

TEST(PopularityWeight, ADownloadIsWorthSomeViewsAndNothingOverflows) {
  EXPECT_EQ(WeightOf({"a", 3, 2}), 13u);
  EXPECT_EQ(WeightOf({"a", 0, 0}), 0u);
  constexpr int64_t kHuge = std::numeric_limits<int64_t>::max();
  EXPECT_EQ(WeightOf({"a", kHuge, kHuge}), std::numeric_limits<uint32_t>::max());
  EXPECT_EQ(WeightOf({"a", -1, -kHuge}), 0u);
}

TEST(PopularityCounts, AddsUpUntilItIsTaken) {
  Metrics metrics;
  PopularityCounts counts({}, metrics);
  counts.AddView("a");
  counts.AddView("a");
  counts.AddDownload("b");
  EXPECT_EQ(metrics.GetGauge("stockroom_popularity_images", "").value(), 2);
  EXPECT_THAT(counts.Take(), UnorderedElementsAre(Popularity{"a", 2, 0}, Popularity{"b", 0, 1}));
  EXPECT_THAT(counts.Take(), IsEmpty());
  EXPECT_EQ(metrics.GetGauge("stockroom_popularity_images", "").value(), 0);
}

TEST(PopularityCounts, WithoutRoomTheLeastAreForgotten) {
  Metrics metrics;
  // Sixteen parts of four.
  PopularityCounts counts({.max_images = 64}, metrics);
  for (int i = 0; i < 40; ++i) counts.Add("valued" + std::to_string(i % 2), 0, 5);
  for (int i = 0; i < 10'000; ++i) counts.AddView("passing" + std::to_string(i));
  const std::vector<Popularity> taken = counts.Take();
  EXPECT_LE(taken.size(), 64u);
  EXPECT_GE(taken.size(), 16u);
  int64_t kept = 0;
  int valued = 0;
  for (const Popularity& one : taken) {
    kept += one.views + one.downloads;
    valued += one.image_id.starts_with("valued") ? 1 : 0;
  }
  EXPECT_EQ(valued, 2);
  EXPECT_EQ(metrics.GetCounter("stockroom_popularity_dropped_total", "").value(),
            static_cast<uint64_t>(10'000 + 200 - kept));
  EXPECT_EQ(metrics.GetGauge("stockroom_popularity_images", "").value(), 0);
}

TEST(PopularityCounts, ManyThreadsCountWhileOneTakes) {
  Metrics metrics;
  PopularityCounts counts({}, metrics);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 2000; ++i) counts.AddView("i" + std::to_string(i % 50));
    });
  }
  int64_t sum = 0;
  const auto take = [&] {
    for (const Popularity& one : counts.Take()) sum += one.views;
  };
  for (int i = 0; i < 20; ++i) take();
  for (std::thread& thread : threads) thread.join();
  take();
  EXPECT_EQ(sum, 8000);
}

TEST_F(PopularityTest, WhatIsCountedReachesEveryIndex) {
  PopularitySync here = Sync();
  counts_.AddView("a");
  counts_.AddDownload("b");
  ASSERT_TRUE(here.FlushOnce().ok());
  ASSERT_TRUE(here.ReadOnce().ok());
  EXPECT_EQ(index_, (std::map<std::string, uint32_t>{{"a", 1}, {"b", 5}}));
  // Another api counts.
  const std::vector<Popularity> elsewhere = {{"a", 9, 0}};
  ASSERT_TRUE(metadata_->popularity().AddPopularity(elsewhere).ok());
  index_.clear();
  ASSERT_TRUE(here.ReadOnce().ok());
  EXPECT_EQ(index_, (std::map<std::string, uint32_t>{{"a", 10}})) << "only what is new";
  EXPECT_EQ(Metric("stockroom_popularity_counted_total"), 2u);
}

TEST_F(PopularityTest, ReadsAnewWhenTheIndexIsAnother) {
  PopularitySync here = Sync();
  counts_.AddView("a");
  ASSERT_TRUE(here.FlushOnce().ok());
  ASSERT_TRUE(here.ReadOnce().ok());
  index_.clear();
  ASSERT_TRUE(here.ReadOnce().ok());
  EXPECT_THAT(index_, IsEmpty());
  here.ReadAnew();
  ASSERT_TRUE(here.ReadOnce().ok());
  EXPECT_EQ(index_.size(), 1u);
}

TEST_F(PopularityTest, NothingIsReadBeforeTheIndexIsThere) {
  bool ready = false;
  PopularitySync here = Sync({.ready = [&] { return ready; }});
  counts_.AddView("a");
  ASSERT_TRUE(here.FlushOnce().ok());
  ASSERT_TRUE(here.ReadOnce().ok());
  EXPECT_EQ(store_.reads, 0);
  ready = true;
  ASSERT_TRUE(here.ReadOnce().ok());
  EXPECT_EQ(index_.size(), 1u);
}

TEST_F(PopularityTest, WorksInBoundedSteps) {
  PopularitySync here = Sync({.batch = 3, .page = 2});
  for (char c = 'a'; c <= 'h'; ++c) counts_.AddView(std::string(1, c));
  ASSERT_TRUE(here.FlushOnce().ok());
  EXPECT_THAT(store_.sizes, ElementsAre(3, 3, 2));
  ASSERT_TRUE(here.ReadOnce().ok());
  EXPECT_EQ(store_.reads, 5);
  EXPECT_EQ(index_.size(), 8u);
}

TEST_F(PopularityTest, ALostFlushLosesOnlyItsOwnCountsAndCountsNothingTwice) {
  PopularitySync here = Sync({.batch = 3});
  for (char c = 'a'; c <= 'h'; ++c) counts_.AddView(std::string(1, c));
  store_.fail_at = 1;
  EXPECT_EQ(here.FlushOnce().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(store_.sizes, ElementsAre(3, 3)) << "the database is away: it is not asked again";
  EXPECT_EQ(Metric("stockroom_popularity_lost_total"), 3u);
  ASSERT_TRUE(here.FlushOnce().ok());
  ASSERT_TRUE(here.ReadOnce().ok());
  EXPECT_EQ(index_.size(), 5u);
  for (const auto& [id, weight] : index_) EXPECT_EQ(weight, 1u) << id;
  EXPECT_EQ(Metric("stockroom_popularity_counted_total"), 5u);
}

TEST_F(PopularityTest, StoppingWritesWhatWasCountedLast) {
  {
    PopularitySync here = Sync({.interval = absl::Hours(1)});
    here.Start();
    counts_.AddView("a");
    here.Stop();
    here.Stop();
  }
  EXPECT_THAT(metadata_->popularity().ReadPopularity({}, 10)->images,
              ElementsAre(Popularity{"a", 1, 0}));
}

}  // namespace
}  // namespace stockroom::api
