#include "services/api/cache/rendition_cache.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <string_view>
#include <utility>

namespace stockroom::api {
namespace {

// What an entry takes besides its picture's bytes: list node, two map nodes, address, strings.
constexpr int64_t kEntryOverhead = 512;
// A tenth of the room is for what was asked for once.
constexpr int64_t kSmallPart = 10;
// Counting further would only make yesterday's favourites stay longer.
constexpr int kMaxHits = 3;
constexpr size_t kFewestGhosts = 1024;
// Purges that are told apart; each takes about 150 bytes.
constexpr size_t kPurgesRemembered = 4096;

// Digests are as random as any hash of them.
uint64_t WordOf(const Digest& digest, size_t offset) {
  uint64_t word = 0;
  std::memcpy(&word, digest.bytes().data() + offset, sizeof word);
  return word;
}

}  // namespace

size_t RenditionCache::AddressHash::operator()(const RenditionAddress& address) const {
  return WordOf(address.original, 8) ^ std::hash<std::string_view>()(address.key);
}
size_t RenditionCache::DigestHash::operator()(const Digest& digest) const {
  return WordOf(digest, 8);
}

void RenditionCache::Ghosts::Add(size_t hash, size_t most) {
  serials_[hash] = next_;
  in_order_.emplace_back(hash, next_++);
  while (in_order_.size() > most) {
    const auto [oldest, serial] = in_order_.front();
    in_order_.pop_front();
    const auto it = serials_.find(oldest);
    if (it != serials_.end() && it->second == serial) serials_.erase(it);
  }
}

bool RenditionCache::Ghosts::Take(size_t hash) { return serials_.erase(hash) > 0; }

void RenditionCache::Ghosts::Clear() {
  in_order_.clear();
  serials_.clear();
}

RenditionCache::RenditionCache(Options options, Metrics& metrics)
    : shard_bytes_(options.max_bytes / std::max(options.shards, 1)),
      max_picture_bytes_(std::max<int64_t>(0, shard_bytes_ / 4 - kEntryOverhead)),
      hits_(metrics.GetCounter("stockroom_delivery_cache_hits_total",
                               "Renditions that were asked for and in memory.")),
      misses_(metrics.GetCounter("stockroom_delivery_cache_misses_total",
                                 "Renditions that were asked for and not in memory.")),
      evictions_(metrics.GetCounter("stockroom_delivery_cache_evictions_total",
                                    "Renditions that left memory to make room.")),
      purges_(metrics.GetCounter("stockroom_delivery_cache_purges_total",
                                 "Originals whose renditions were purged from memory.")),
      bytes_(metrics.GetGauge("stockroom_delivery_cache_bytes", "Bytes of renditions in memory.")),
      entries_(metrics.GetGauge("stockroom_delivery_cache_entries", "Renditions in memory.")) {
  for (int i = 0; i < std::max(options.shards, 1); ++i) {
    shards_.push_back(std::make_unique<Shard>());
  }
}

RenditionCache::Shard& RenditionCache::ShardOf(const Digest& original) {
  return *shards_[WordOf(original, 0) % shards_.size()];
}
const RenditionCache::Shard& RenditionCache::ShardOf(const Digest& original) const {
  return *shards_[WordOf(original, 0) % shards_.size()];
}

void RenditionCache::Count(int64_t bytes, int64_t entries) {
  bytes_.Add(bytes);
  entries_.Add(entries);
}

RenditionCache::Picture RenditionCache::Find(const RenditionAddress& address, Miss miss) {
  Shard& shard = ShardOf(address.original);
  MutexLock lock(shard.mu);
  const auto it = shard.entries.find(address);
  if (it == shard.entries.end()) {
    if (miss == Miss::kCounts) misses_.Add();
    return nullptr;
  }
  hits_.Add();
  Entry& entry = *it->second;
  entry.hits = std::min(entry.hits + 1, kMaxHits);
  return entry.picture;
}

RenditionCache::Fence RenditionCache::Begin(const Digest& original) const {
  const Shard& shard = ShardOf(original);
  MutexLock lock(shard.mu);
  return shard.generation;
}

bool RenditionCache::PurgedSince(const Shard& shard, const Digest& original, Fence fence) const {
  if (fence < shard.forgotten) return true;
  const auto it = shard.purged.find(original);
  return it != shard.purged.end() && it->second > fence;
}

RenditionCache::Outcome RenditionCache::Put(const RenditionAddress& address, Fence fence,
                                            Picture picture) {
  const auto size = static_cast<int64_t>(picture->bytes->size());
  Shard& shard = ShardOf(address.original);
  MutexLock lock(shard.mu);
  if (PurgedSince(shard, address.original, fence)) return Outcome::kPurged;
  if (size > max_picture_bytes_) return Outcome::kTooLarge;
  const auto there = shard.entries.find(address);
  if (there != shard.entries.end()) Remove(shard, there->second);

  const bool in_main = shard.ghosts.Take(AddressHash()(address));
  Queue& queue = in_main ? shard.main : shard.small;
  const int64_t cost = size + kEntryOverhead;
  const auto entry = queue.insert(
      queue.end(),
      Entry{.address = address, .picture = std::move(picture), .cost = cost, .in_main = in_main});
  (in_main ? shard.main_bytes : shard.small_bytes) += cost;
  shard.entries.emplace(address, entry);
  Entry*& first = shard.by_original[address.original];
  entry->next = first;
  if (first != nullptr) first->previous = &*entry;
  first = &*entry;
  Count(cost, 1);
  MakeRoom(shard);
  return Outcome::kKept;
}

void RenditionCache::Remove(Shard& shard, Queue::iterator entry) {
  if (entry->next != nullptr) entry->next->previous = entry->previous;
  if (entry->previous != nullptr) {
    entry->previous->next = entry->next;
  } else if (entry->next != nullptr) {
    shard.by_original[entry->address.original] = entry->next;
  } else {
    shard.by_original.erase(entry->address.original);
  }
  Count(-entry->cost, -1);
  (entry->in_main ? shard.main_bytes : shard.small_bytes) -= entry->cost;
  shard.entries.erase(entry->address);
  (entry->in_main ? shard.main : shard.small).erase(entry);
}

void RenditionCache::MakeRoom(Shard& shard) {
  while (shard.small_bytes + shard.main_bytes > shard_bytes_) {
    const bool small_is_full = shard.small_bytes > shard_bytes_ / kSmallPart;
    if (!shard.small.empty() && (small_is_full || shard.main.empty())) {
      EvictFromSmall(shard);
    } else {
      EvictFromMain(shard);
    }
  }
}

void RenditionCache::EvictFromSmall(Shard& shard) {
  const auto oldest = shard.small.begin();
  if (oldest->hits > 0) {
    shard.small_bytes -= oldest->cost;
    shard.main_bytes += oldest->cost;
    oldest->hits = 0;
    oldest->in_main = true;
    shard.main.splice(shard.main.end(), shard.small, oldest);
    return;
  }
  shard.ghosts.Add(AddressHash()(oldest->address), std::max(kFewestGhosts, shard.entries.size()));
  evictions_.Add();
  Remove(shard, oldest);
}

void RenditionCache::EvictFromMain(Shard& shard) {
  const auto oldest = shard.main.begin();
  if (oldest->hits > 0) {
    --oldest->hits;
    shard.main.splice(shard.main.end(), shard.main, oldest);
    return;
  }
  evictions_.Add();
  Remove(shard, oldest);
}

int RenditionCache::Purge(const Digest& original) {
  Shard& shard = ShardOf(original);
  MutexLock lock(shard.mu);
  purges_.Add();
  const uint64_t generation = ++shard.generation;
  shard.purged[original] = generation;
  shard.purged_in_order.emplace_back(original, generation);
  if (shard.purged_in_order.size() > kPurgesRemembered) {
    const auto [oldest, when] = shard.purged_in_order.front();
    shard.purged_in_order.pop_front();
    shard.forgotten = when;
    const auto it = shard.purged.find(oldest);
    if (it->second == when) shard.purged.erase(it);
  }
  int count = 0;
  for (;; ++count) {
    const auto first = shard.by_original.find(original);
    if (first == shard.by_original.end()) return count;
    Remove(shard, shard.entries.find(first->second->address)->second);
  }
}

void RenditionCache::Clear() {
  for (const auto& each : shards_) {
    Shard& shard = *each;
    MutexLock lock(shard.mu);
    shard.forgotten = ++shard.generation;
    shard.purged.clear();
    shard.purged_in_order.clear();
    shard.ghosts.Clear();
    while (!shard.small.empty()) Remove(shard, shard.small.begin());
    while (!shard.main.empty()) Remove(shard, shard.main.begin());
  }
}

}  // namespace stockroom::api
