#include "services/api/cache/rendition_cache.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <list>
#include <random>
#include <thread>
#include <unordered_map>
#include <vector>

namespace stockroom::api {
namespace {

Digest Original(int i) { return Digest::Of("original " + std::to_string(i)); }
RenditionAddress At(int original, int recipe = 0) {
  return {Original(original), "recipe " + std::to_string(recipe)};
}
RenditionCache::Picture PictureOf(std::string bytes) {
  CachedPicture picture{.sha256 = Digest::Of(bytes), .media_type = "image/jpeg"};
  picture.bytes = std::make_shared<const std::string>(std::move(bytes));
  return std::make_shared<const CachedPicture>(std::move(picture));
}
RenditionCache::Picture Of(size_t size) { return PictureOf(std::string(size, 'x')); }

class RenditionCacheTest : public ::testing::Test {
 protected:
  RenditionCache::Outcome Put(RenditionCache& cache, const RenditionAddress& address,
                              RenditionCache::Picture picture) {
    return cache.Put(address, cache.Begin(address.original), std::move(picture));
  }
  int64_t Bytes() { return metrics_.GetGauge("stockroom_delivery_cache_bytes", "").value(); }
  int64_t Entries() { return metrics_.GetGauge("stockroom_delivery_cache_entries", "").value(); }

  Metrics metrics_;
};

TEST_F(RenditionCacheTest, GivesWhatWasPutInWithoutCopyingIt) {
  RenditionCache cache({}, metrics_);
  const auto picture = PictureOf("jpeg");
  EXPECT_EQ(cache.Find(At(1)), nullptr);
  EXPECT_EQ(Put(cache, At(1), picture), RenditionCache::Outcome::kKept);
  EXPECT_EQ(cache.Find(At(1)), picture);
  EXPECT_EQ(cache.Find(At(1, 1)), nullptr);
  EXPECT_EQ(metrics_.GetCounter("stockroom_delivery_cache_hits_total", "").value(), 1u);
  EXPECT_EQ(metrics_.GetCounter("stockroom_delivery_cache_misses_total", "").value(), 2u);
}

TEST_F(RenditionCacheTest, NeverHoldsMoreThanItsBytes) {
  const int64_t most = 1 << 20;
  RenditionCache cache({.max_bytes = most, .shards = 4}, metrics_);
  std::mt19937 random(1);
  for (int i = 0; i < 5000; ++i) {
    const RenditionAddress address = At(static_cast<int>(random() % 300), static_cast<int>(i % 7));
    if (cache.Find(address) == nullptr) Put(cache, address, Of(random() % 20'000));
    if (i % 97 == 0) cache.Purge(Original(static_cast<int>(random() % 300)));
    ASSERT_LE(Bytes(), most);
    ASSERT_GE(Bytes(), 0);
  }
  EXPECT_GT(Entries(), 20);
  EXPECT_GT(metrics_.GetCounter("stockroom_delivery_cache_evictions_total", "").value(), 0u);
  cache.Clear();
  EXPECT_EQ(Bytes(), 0);
  EXPECT_EQ(Entries(), 0);
}

TEST_F(RenditionCacheTest, APictureThatWouldPushOutTheOthersIsNotKept) {
  RenditionCache cache({.max_bytes = 1 << 20, .shards = 1}, metrics_);
  EXPECT_EQ(Put(cache, At(1), Of(400'000)), RenditionCache::Outcome::kTooLarge);
  EXPECT_EQ(Bytes(), 0);
  RenditionCache none({.max_bytes = 0}, metrics_);
  EXPECT_EQ(Put(none, At(1), Of(1)), RenditionCache::Outcome::kTooLarge);
}

TEST_F(RenditionCacheTest, PurgingTakesOutExactlyOneOriginalsRenditions) {
  RenditionCache cache({}, metrics_);
  for (int original = 0; original < 50; ++original) {
    for (int recipe = 0; recipe < 10; ++recipe) Put(cache, At(original, recipe), Of(100));
  }
  EXPECT_EQ(cache.Purge(Original(7)), 10);
  EXPECT_EQ(cache.Purge(Original(7)), 0);
  for (int original = 0; original < 50; ++original) {
    for (int recipe = 0; recipe < 10; ++recipe) {
      EXPECT_EQ(cache.Find(At(original, recipe)) == nullptr, original == 7);
    }
  }
  EXPECT_EQ(Entries(), 490);
}

TEST_F(RenditionCacheTest, WhatWasBegunBeforeAPurgeDoesNotComeBack) {
  RenditionCache cache({.shards = 1}, metrics_);
  const auto before = cache.Begin(Original(1));
  const auto of_another = cache.Begin(Original(2));
  cache.Purge(Original(1));
  const auto after = cache.Begin(Original(1));
  EXPECT_EQ(cache.Put(At(1), before, Of(10)), RenditionCache::Outcome::kPurged);
  EXPECT_EQ(cache.Find(At(1)), nullptr);
  EXPECT_EQ(cache.Put(At(2), of_another, Of(10)), RenditionCache::Outcome::kKept);
  EXPECT_EQ(cache.Put(At(1), after, Of(10)), RenditionCache::Outcome::kKept);
}

TEST_F(RenditionCacheTest, AFenceOlderThanWhatIsRememberedHolds) {
  RenditionCache cache({.shards = 1}, metrics_);
  const auto old = cache.Begin(Original(1));
  cache.Purge(Original(1));
  for (int i = 2; i < 6000; ++i) cache.Purge(Original(i));
  EXPECT_EQ(cache.Put(At(1), old, Of(10)), RenditionCache::Outcome::kPurged);
  const auto cleared = cache.Begin(Original(3));
  cache.Clear();
  EXPECT_EQ(cache.Put(At(3), cleared, Of(10)), RenditionCache::Outcome::kPurged);
  EXPECT_EQ(Put(cache, At(3), Of(10)), RenditionCache::Outcome::kKept);
}

TEST_F(RenditionCacheTest, AmongThreadsNothingOlderThanItsPurgeIsEverFound) {
  RenditionCache cache({.max_bytes = 200'000, .shards = 2}, metrics_);
  std::atomic<int> current[8] = {};
  std::atomic<int> purged[8] = {};
  std::atomic<int> wrong = 0;
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937 random(t);
      for (int i = 0; i < 3000; ++i) {
        const int original = static_cast<int>(random() % 8);
        const int least = purged[original].load();
        if (const auto found = cache.Find(At(original)); found != nullptr) {
          if (std::stoi(*found->bytes) < least) ++wrong;
        }
        const auto fence = cache.Begin(Original(original));
        const int version = current[original].load();
        cache.Put(At(original), fence, PictureOf(std::to_string(version)));
        cache.Put(At(original, 1 + static_cast<int>(random() % 50)), fence, Of(random() % 3000));
      }
    });
  }
  threads.emplace_back([&] {
    for (int i = 0; i < 4000; ++i) {
      const int next = ++current[i % 8];
      cache.Purge(Original(i % 8));
      purged[i % 8] = next;
    }
  });
  threads.clear();
  EXPECT_EQ(wrong, 0);
}

// ---- what the choice was made by: docs/adr/020-what-stays-in-memory.md ----

class Lru {
 public:
  explicit Lru(size_t most) : most_(most) {}
  bool Ask(int what) {
    const auto it = where_.find(what);
    if (it != where_.end()) {
      order_.splice(order_.end(), order_, it->second);
      return true;
    }
    where_[what] = order_.insert(order_.end(), what);
    if (order_.size() > most_) {
      where_.erase(order_.front());
      order_.pop_front();
    }
    return false;
  }

 private:
  size_t most_;
  std::list<int> order_;
  std::unordered_map<int, std::list<int>::iterator> where_;
};

TEST_F(RenditionCacheTest, OneWhoWalksOverEverythingDoesNotWashOutWhatOthersAskFor) {
  constexpr int kPictures = 20'000;
  constexpr int kRoom = 1000;
  constexpr int64_t kSize = 1000;
  std::vector<double> cumulative;
  double sum = 0;
  for (int i = 1; i <= kPictures; ++i) cumulative.push_back(sum += std::pow(i, -0.9));
  std::mt19937 random(42);
  std::uniform_real_distribution<double> uniform(0, sum);
  RenditionCache cache({.max_bytes = kRoom * (kSize + 512), .shards = 1}, metrics_);
  Lru lru(kRoom);
  int scanned = kPictures;
  int asked = 0;
  int hits = 0;
  int lru_hits = 0;
  const auto picture = Of(kSize);
  const auto ask = [&](int what, bool counts) {
    const bool hit = cache.Find(At(what)) != nullptr;
    if (!hit) Put(cache, At(what), picture);
    const bool lru_hit = lru.Ask(what);
    if (!counts) return;
    ++asked;
    hits += hit ? 1 : 0;
    lru_hits += lru_hit ? 1 : 0;
  };
  for (int i = 0; i < 100'000; ++i) {
    const auto place = std::upper_bound(cumulative.begin(), cumulative.end(), uniform(random));
    ask(static_cast<int>(place - cumulative.begin()), i > 20'000);
    // A crawler asks for as much as everybody else together.
    if (i % 20'000 < 10'000) ask(scanned++, false);
  }
  const double ratio = static_cast<double>(hits) / asked;
  const double lru_ratio = static_cast<double>(lru_hits) / asked;
  RecordProperty("s3_fifo", std::to_string(ratio));
  RecordProperty("lru", std::to_string(lru_ratio));
  printf("hit ratio: S3-FIFO %.3f, LRU %.3f\n", ratio, lru_ratio);
  EXPECT_GT(ratio, lru_ratio * 1.1);
}

}  // namespace
}  // namespace stockroom::api
