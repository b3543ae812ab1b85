// Renditions in memory, those that are asked for most: bounded in bytes, and not to be washed out
// by somebody who walks once over everything. Why S3-FIFO: docs/adr/020-what-stays-in-memory.md.
#pragma once

#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "services/common/base/digest.h"
#include "services/common/base/metrics.h"
#include "services/common/base/mutex.h"
#include "services/common/blobs/blob_types.h"
#include "services/common/recipe/recipe.h"

namespace stockroom::api {

struct CachedPicture {
  std::shared_ptr<const std::string> bytes;  // never null
  Digest sha256;                             // of the bytes: the strong ETag
  std::string media_type;
  Size size;  // 0 x 0 if not known
};

// Thread-safe; no call waits for anything but other threads' short look-ups. All renditions of one
// original are in one shard, so that purging them is one step.
//
// Metrics: stockroom_delivery_cache_hits_total, _misses_total, _evictions_total, _purges_total,
// _bytes, _entries.
class RenditionCache {
 public:
  struct Options {
    // Of the pictures and what keeping one costs besides. 0: nothing is kept.
    int64_t max_bytes = int64_t{256} << 20;
    // More of them: less waiting, but the largest picture kept is a quarter of a shard.
    int shards = 8;
  };
  using Picture = std::shared_ptr<const CachedPicture>;

  RenditionCache(Options options, Metrics& metrics);

  enum class Miss { kCounts, kIsLookedForAgain };
  // Null if it is not here.
  Picture Find(const RenditionAddress& address, Miss miss = Miss::kCounts);

  // Taken before the work on a picture begins, and shown when it is put in: what was purged
  // meanwhile does not come back.
  using Fence = uint64_t;
  Fence Begin(const Digest& original) const;

  enum class Outcome {
    kKept,
    kPurged,  // since Begin; or so many others were that it is not known any more
    kTooLarge
  };
  // Replaces what is there under this address.
  Outcome Put(const RenditionAddress& address, Fence fence, Picture picture);

  // Takes out every rendition of the original, and fences off those under way. Returns how many.
  int Purge(const Digest& original);
  // The same for all originals.
  void Clear();

  // Larger pictures are not kept.
  int64_t max_picture_bytes() const { return max_picture_bytes_; }

 private:
  struct Entry {
    RenditionAddress address;
    Picture picture;
    int64_t cost = 0;
    int hits = 0;  // since it was put in or last spared, at most kMaxHits
    bool in_main = false;
    // The other renditions of its original.
    Entry* next = nullptr;
    Entry* previous = nullptr;
  };
  using Queue = std::list<Entry>;  // oldest first

  struct AddressHash {
    size_t operator()(const RenditionAddress& address) const;
  };
  struct SameAddress {
    bool operator()(const RenditionAddress& a, const RenditionAddress& b) const {
      return a.original == b.original && a.key == b.key;
    }
  };
  struct DigestHash {
    size_t operator()(const Digest& digest) const;
  };

  // Hashes of what was lately thrown out of `small` without having been asked for again.
  class Ghosts {
   public:
    void Add(size_t hash, size_t most);
    // True if it was there; it is not any more.
    bool Take(size_t hash);
    void Clear();

   private:
    std::deque<std::pair<size_t, uint64_t>> in_order_;
    std::unordered_map<size_t, uint64_t> serials_;
    uint64_t next_ = 0;
  };

  struct Shard {
    mutable Mutex mu;
    // What is new stays in `small` until it is asked for again; only then it may live in `main`.
    Queue small SR_GUARDED_BY(mu);
    Queue main SR_GUARDED_BY(mu);
    int64_t small_bytes SR_GUARDED_BY(mu) = 0;
    int64_t main_bytes SR_GUARDED_BY(mu) = 0;
    Ghosts ghosts SR_GUARDED_BY(mu);
    std::unordered_map<RenditionAddress, Queue::iterator, AddressHash, SameAddress> entries
        SR_GUARDED_BY(mu);
    std::unordered_map<Digest, Entry*, DigestHash> by_original SR_GUARDED_BY(mu);

    uint64_t generation SR_GUARDED_BY(mu) = 1;  // counts purges
    // The latest ones, by original; of those before `forgotten` it is not known what they purged.
    std::unordered_map<Digest, uint64_t, DigestHash> purged SR_GUARDED_BY(mu);
    std::deque<std::pair<Digest, uint64_t>> purged_in_order SR_GUARDED_BY(mu);
    uint64_t forgotten SR_GUARDED_BY(mu) = 0;
  };

  Shard& ShardOf(const Digest& original);
  const Shard& ShardOf(const Digest& original) const;
  bool PurgedSince(const Shard& shard, const Digest& original, Fence fence) const
      SR_REQUIRES(shard.mu);
  void Remove(Shard& shard, Queue::iterator entry) SR_REQUIRES(shard.mu);
  void MakeRoom(Shard& shard) SR_REQUIRES(shard.mu);
  // One step towards room: something is thrown out, moved on or spared.
  void EvictFromSmall(Shard& shard) SR_REQUIRES(shard.mu);
  void EvictFromMain(Shard& shard) SR_REQUIRES(shard.mu);
  void Count(int64_t bytes, int64_t entries);

  const int64_t shard_bytes_;
  const int64_t max_picture_bytes_;
  std::vector<std::unique_ptr<Shard>> shards_;
  Counter& hits_;
  Counter& misses_;
  Counter& evictions_;
  Counter& purges_;
  Gauge& bytes_;
  Gauge& entries_;
};

}  // namespace stockroom::api
