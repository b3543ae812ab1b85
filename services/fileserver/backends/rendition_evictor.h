// Keeps the renditions on a local disk within a bound, by deleting those that were not used for the
// longest time.
//
// When a rendition was used is its file's time of modification, moved by at most one touch in
// kTouchStep. So nothing has to be loaded at a start, and no list is kept: a sweep walks the files
// once, adding up bytes by age, and, if they are too many, once more to delete what is older than
// the age that gets it below the bound. Between sweeps what was added since is counted.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "services/common/base/background_loop.h"
#include "services/common/base/clock.h"
#include "services/common/base/metrics.h"
#include "services/fileserver/store/env.h"

namespace stockroom::fileserver {

// Thread-safe; owns one thread once started. Metrics: stockroom_fileserver_renditions_bytes,
// _renditions_files, _renditions_max_bytes (as of the last sweep), _renditions_evicted_total,
// _renditions_evicted_bytes_total, _renditions_sweep_seconds.
class RenditionEvictor {
 public:
  struct Options {
    std::string directory;  // .../renditions/<aa>/<sha256>/<key>
    // 0: half of what would be free, beyond the reserve, without any renditions. The other half
    // stays for blobs, and as blobs need more the renditions give way.
    int64_t max_bytes = 0;
    int64_t reserve_bytes = 0;
    // Of sweeps that nothing calls for: they find what was added before the start, or by hand.
    absl::Duration interval = absl::Minutes(30);
    // Between two sweeps, whatever calls for them: a sweep reads every inode.
    absl::Duration least_pause = absl::Seconds(30);
    Clock* clock = &Clock::Real();
  };
  // Reading is not worth a write each time; an hour is short against how long renditions live.
  static constexpr absl::Duration kTouchStep = absl::Hours(1);

  RenditionEvictor(Env& env, const Options& options, Metrics& metrics);
  ~RenditionEvictor() { Stop(); }

  // The first sweep begins at once, and nobody waits for it.
  void Start();
  // Ends a sweep within a few files, and joins. Idempotent.
  void Stop() { loop_.Stop(); }

  // A rendition of that many bytes was stored. Does not block.
  void Added(int64_t bytes);
  // It is read. At most a stat and a touch; errors do not matter.
  void Used(const std::string& path);
  // There is no room for a blob. Does not block.
  void RoomNeeded() { loop_.Poke(); }

  // One sweep, on the caller's thread. CANCELLED by Stop; errors of the file system.
  absl::Status Sweep();

 private:
  // Bytes by age: a bucket is a tenth older than the one before, beginning with a minute.
  static constexpr size_t kBuckets = 160;  // the last one begins at 7 years
  using Ages = std::array<int64_t, kBuckets>;

  static size_t BucketOf(absl::Duration age);
  // Calls `see` for every file, with pauses, and removes folders that were empty.
  absl::Status Walk(const std::function<void(const std::string& path, const FileInfo& file)>& see);
  absl::Status WalkShard(const std::string& shard, int& seen,
                         const std::function<void(const std::string&, const FileInfo&)>& see);
  absl::Status Evict(const Ages& ages, int64_t bytes, int64_t most, absl::Time now);
  absl::StatusOr<int64_t> MostBytes(int64_t bytes);

  Env& env_;
  const Options options_;
  Gauge& bytes_;
  Gauge& files_;
  Gauge& max_bytes_;
  Counter& evicted_;
  Counter& evicted_bytes_;
  Histogram& sweep_seconds_;
  std::atomic<int64_t> estimate_{0};  // bytes at the end of the last sweep, and added since
  std::atomic<int64_t> most_{0};      // as of the last sweep; 0: there was none
  BackgroundLoop loop_;
};

}  // namespace stockroom::fileserver
