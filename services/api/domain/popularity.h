// What people look at and take: counted where it is delivered, kept in the database, and known to
// every api's index.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "services/api/domain/popularity_store.h"
#include "services/common/base/background_loop.h"
#include "services/common/base/metrics.h"
#include "services/common/base/mutex.h"

namespace stockroom::api {

// A page of results shows fifty pictures that nobody chose; who takes an original has decided. So a
// download outweighs some views, but views still order what nobody has taken yet.
inline constexpr int64_t kViewWeight = 1;
inline constexpr int64_t kDownloadWeight = 5;
// For SearchIndex::SetPopularity; saturates.
uint32_t WeightOf(const Popularity& popularity);

// Collects counts until somebody takes them. Thread-safe; a count is a look-up under one of some
// locks, so that it is fit for the HTTP loop. Where there is no room for another image, those with
// the least weight are forgotten. Metrics: stockroom_popularity_images,
// stockroom_popularity_dropped_total.
class PopularityCounts {
 public:
  struct Options {
    // Images between two takings: an id and two numbers each.
    size_t max_images = 65536;
  };
  PopularityCounts(Options options, Metrics& metrics);

  void AddView(std::string_view image_id) { Add(image_id, 1, 0); }
  void AddDownload(std::string_view image_id) { Add(image_id, 0, 1); }
  void Add(std::string_view image_id, int64_t views, int64_t downloads);

  // All that was counted since the last time, in no order.
  std::vector<Popularity> Take();

 private:
  static constexpr size_t kShards = 16;
  struct Count {
    int64_t views = 0;
    int64_t downloads = 0;
  };
  using Counts = absl::flat_hash_map<std::string, Count>;
  struct Shard {
    Mutex mu;
    Counts counts SR_GUARDED_BY(mu);
  };
  // Forgets a quarter of what is there, at least one.
  void MakeRoom(Counts& counts);

  const size_t most_;  // in a shard
  Gauge& images_;
  Counter& dropped_total_;
  std::array<Shard, kShards> shards_;
};

// Brings counts into the database, and everybody's out of it into the index. Owns one thread.
// Metrics: stockroom_popularity_counted_total, stockroom_popularity_lost_total.
class PopularitySync {
 public:
  struct Options {
    absl::Duration interval = absl::Seconds(5);
    // The index ignores what it does not hold, which may be an image that it gets a moment later:
    // everything is read again so often.
    absl::Duration reread = absl::Hours(1);
    // Nothing is read before the index is loaded.
    std::function<bool()> ready = [] { return true; };
    // Images in one transaction, which others who write may have to wait for.
    size_t batch = 200;
    int page = 2000;
  };
  // Weights of images, absolute: SearchIndex::SetPopularity.
  using Known = std::function<void(const std::vector<std::pair<std::string, uint32_t>>&)>;
  // All must outlive it.
  PopularitySync(Options options, PopularityCounts& counts, PopularityStore& store, Known known,
                 Metrics& metrics);
  ~PopularitySync();

  void Start();
  // Brings what was counted last into the database. Idempotent.
  void Stop();

  // One round each, for the thread and for tests.
  // What can not be written is lost once (it may have been counted, and nobody shall count twice);
  // what was not tried is counted again.
  absl::Status FlushOnce();
  absl::Status ReadOnce();
  // The index is another one: the next round reads everything. Any thread.
  void ReadAnew() { anew_ = true; }

 private:
  void Run();

  const Options options_;
  PopularityCounts& counts_;
  PopularityStore& store_;
  const Known known_;
  Counter& counted_total_;
  Counter& lost_total_;
  std::atomic<bool> anew_ = false;
  PopularityStore::Cursor read_;  // by one thread at a time
  absl::Time read_all_ = absl::InfinitePast();
  bool stopped_ = false;

  BackgroundLoop loop_;
};

}  // namespace stockroom::api
