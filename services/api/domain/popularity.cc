#include "services/api/domain/popularity.h"

#include <algorithm>
#include <limits>
#include <span>
#include <utility>

#include "absl/hash/hash.h"
#include "absl/time/clock.h"
#include "services/common/base/log.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"

namespace stockroom::api {
namespace {

int64_t Weight(int64_t views, int64_t downloads) {
  return views * kViewWeight + downloads * kDownloadWeight;
}

}  // namespace

uint32_t WeightOf(const Popularity& popularity) {
  constexpr int64_t kMost = std::numeric_limits<uint32_t>::max();
  // Each for itself, so that the sum fits.
  const int64_t views = std::clamp<int64_t>(popularity.views, 0, kMost);
  const int64_t downloads = std::clamp<int64_t>(popularity.downloads, 0, kMost);
  return static_cast<uint32_t>(std::min(Weight(views, downloads), kMost));
}

PopularityCounts::PopularityCounts(Options options, Metrics& metrics)
    : most_(std::max<size_t>(options.max_images / kShards, 1)),
      images_(metrics.GetGauge("stockroom_popularity_images",
                               "Images whose views and downloads wait to be written.")),
      dropped_total_(metrics.GetCounter("stockroom_popularity_dropped_total",
                                        "Views and downloads that there was no room to count.")) {}

void PopularityCounts::Add(std::string_view image_id, int64_t views, int64_t downloads) {
  Shard& shard = shards_[absl::HashOf(Av(image_id)) % kShards];
  MutexLock lock(shard.mu);
  auto it = shard.counts.find(Av(image_id));
  if (it == shard.counts.end()) {
    if (shard.counts.size() >= most_) MakeRoom(shard.counts);
    it = shard.counts.try_emplace(std::string(image_id)).first;
    images_.Add(1);
  }
  it->second.views += views;
  it->second.downloads += downloads;
}

void PopularityCounts::MakeRoom(Counts& counts) {
  std::vector<int64_t> weights;
  weights.reserve(counts.size());
  for (const auto& [id, count] : counts) weights.push_back(Weight(count.views, count.downloads));
  const auto last = weights.begin() + static_cast<ptrdiff_t>((weights.size() - 1) / 4);
  std::nth_element(weights.begin(), last, weights.end());
  const int64_t least = *last;
  // All that weigh less, and of those that weigh as much so many that it is a quarter.
  auto equal_left = 1 + std::count(weights.begin(), last, least);
  int64_t dropped = 0;
  for (auto it = counts.begin(); it != counts.end();) {
    const Count count = it->second;
    const int64_t weight = Weight(count.views, count.downloads);
    if (weight > least || (weight == least && equal_left-- <= 0)) {
      ++it;
      continue;
    }
    counts.erase(it++);
    dropped += count.views + count.downloads;
    images_.Add(-1);
  }
  dropped_total_.Add(dropped);
}

std::vector<Popularity> PopularityCounts::Take() {
  std::vector<Popularity> taken;
  for (Shard& shard : shards_) {
    Counts counts;
    {
      MutexLock lock(shard.mu);
      counts.swap(shard.counts);
    }
    images_.Add(-static_cast<int64_t>(counts.size()));
    for (const auto& [id, count] : counts) taken.push_back({id, count.views, count.downloads});
  }
  return taken;
}

PopularitySync::PopularitySync(Options options, PopularityCounts& counts, PopularityStore& store,
                               Known known, Metrics& metrics)
    : options_(std::move(options)),
      counts_(counts),
      store_(store),
      known_(std::move(known)),
      counted_total_(metrics.GetCounter("stockroom_popularity_counted_total",
                                        "Views and downloads written to the database.")),
      lost_total_(metrics.GetCounter("stockroom_popularity_lost_total",
                                     "Views and downloads that could not be written.")) {}

PopularitySync::~PopularitySync() { Stop(); }

void PopularitySync::Start() {
  loop_.Start("popularity", [this] { Run(); });
}

void PopularitySync::Stop() {
  loop_.Stop();
  if (std::exchange(stopped_, true)) return;
  if (absl::Status status = FlushOnce(); !status.ok()) {
    LogWarning("the last views and downloads are not counted", {{"error", status}});
  }
}

void PopularitySync::Run() {
  while (loop_.Sleep(options_.interval)) {
    absl::Status status = FlushOnce();
    if (status.ok()) status = ReadOnce();
    if (!status.ok()) {
      LogWarning("views and downloads are not up to date", {{"error", status}});
    }
  }
}

absl::Status PopularitySync::FlushOnce() {
  const std::vector<Popularity> taken = counts_.Take();
  const std::span<const Popularity> all(taken);
  for (size_t at = 0; at < all.size();) {
    const auto batch = all.subspan(at, std::min(options_.batch, all.size() - at));
    int64_t sum = 0;
    for (const Popularity& one : batch) sum += one.views + one.downloads;
    const absl::Status status = store_.AddPopularity(batch);
    (status.ok() ? counted_total_ : lost_total_).Add(sum);
    at += batch.size();
    if (status.ok()) continue;
    for (const Popularity& one : all.subspan(at)) {
      counts_.Add(one.image_id, one.views, one.downloads);
    }
    return status;
  }
  return absl::OkStatus();
}

absl::Status PopularitySync::ReadOnce() {
  if (!options_.ready()) return absl::OkStatus();
  const absl::Time now = absl::Now();
  if (anew_.exchange(false) || now - read_all_ >= options_.reread) {
    read_ = {};
    read_all_ = now;
  }
  for (;;) {
    SR_ASSIGN_OR_RETURN(PopularityStore::Page page, store_.ReadPopularity(read_, options_.page));
    std::vector<std::pair<std::string, uint32_t>> counts;
    counts.reserve(page.images.size());
    for (Popularity& one : page.images) {
      const uint32_t weight = WeightOf(one);
      counts.emplace_back(std::move(one.image_id), weight);
    }
    if (!counts.empty()) known_(counts);
    read_ = std::move(page.next);
    if (counts.size() < static_cast<size_t>(options_.page) || loop_.stopping()) {
      return absl::OkStatus();
    }
  }
}

}  // namespace stockroom::api
