// What the two copies of MirrorBackend may differ in, so that it is known after any crash.
//
//   <sha256>        look at this one: copy it to S3, or bring it back from there
//   <sha256>.gone   it was collected here: delete it there
//   compared        both were compared as a whole, and what differed has an entry: says with what
//                   S3, and when. Not there: they have to be compared (again)
//
// Files without content, whose names are synced before anything happens that they announce; taking
// one away is not synced, as finding it again only makes somebody look twice. The first kind wins
// over the second: who writes a blob takes back that it is gone.
//
// Bounded: once there are Options::max_entries, a write takes `compared` away instead of leaving an
// entry, and a deletion is refused.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/common/base/clock.h"
#include "services/common/base/digest.h"
#include "services/common/base/metrics.h"
#include "services/common/base/mutex.h"
#include "services/fileserver/backends/directory_syncs.h"
#include "services/fileserver/store/env.h"
#include "services/fileserver/store/touch_clock.h"

namespace stockroom::fileserver {

// Thread-safe; whatever touches files blocks. Metrics: stockroom_fileserver_mirror_backlog
// (entries), _mirror_backlog_age_seconds (of the oldest), _mirror_backlog_overflows_total,
// _mirror_compared and _mirror_away (0 or 1).
class MirrorBacklog {
 public:
  struct Options {
    // Made if missing; its parent is there.
    std::string directory;
    // Of some 200 bytes of memory each.
    int64_t max_entries = 100'000;
    // Names the S3 that `compared` is about.
    std::string remote;
    Clock* clock = &Clock::Real();
    std::function<absl::Duration()> steady = SteadyNow;
    // Whether the local disk has it: its deletion was then cut short, and is forgotten by Open.
    // Null: it has none of those that are gone.
    std::function<bool(const Digest&)> is_here;
  };
  // `syncs`: those of the local disk, so that a sync of a directory that failed there ends
  // acknowledgements here, too. All must outlive it.
  static absl::StatusOr<std::unique_ptr<MirrorBacklog>> Open(Env& env, DirectorySyncs& syncs,
                                                             const Options& options,
                                                             Metrics& metrics);

  // ---- before and after something happens to the local copy ----

  // Durable when it returns OK. Written has to follow. The ticket is for WaitUntilDone; 0 if there
  // was no room for an entry.
  absl::StatusOr<uint64_t> WillWrite(const Digest& digest);
  // Before the write is acknowledged, and not at all unless this says OK.
  absl::Status Written(const Digest& digest, uint64_t ticket);

  struct Deletion {
    uint64_t generation = 0;
    bool was_quiet = false;  // nobody was writing it
  };
  // Durable when it returns OK. Deleted has to follow. RESOURCE_EXHAUSTED when there is no room.
  absl::StatusOr<Deletion> WillDelete(const Digest& digest);
  enum class Outcome { kDeleted, kKept, kUnknown };
  void Deleted(const Digest& digest, const Deletion& deletion, Outcome outcome);

  // Collected here, and nobody has written it since: what S3 still has of it does not count.
  bool IsGone(const Digest& digest) const;

  // Somebody should look at it, unless it is gone; `whole`: the local copy may be damaged. Durable
  // once a comparison has ended. False: no room.
  absl::StatusOr<bool> Look(const Digest& digest, bool whole);

  // ---- for those who do the work ----

  struct Task {
    Digest digest;
    uint64_t generation = 0;
    bool look = false;   // false: it is gone
    bool whole = false;  // read all of the local copy
  };
  // The one that waits for the longest time, if any is due now; nobody else gets it until Finish.
  std::optional<Task> Take();
  // As Take, but waits until there is one. Nothing: Stop was called.
  std::optional<Task> Wait();
  // An error: again later, and if it may be one of S3 as a whole nothing is tried for a moment.
  void Finish(const Task& task, const absl::Status& status);
  void Stop();

  // OK once S3 has what was written under this ticket. UNAVAILABLE (MIRROR_WAITS).
  absl::Status WaitUntilDone(const Digest& digest, uint64_t ticket, absl::Duration longest);
  // The last attempts failed.
  bool away() const;

  // ---- comparing as a whole ----

  bool compared() const;
  // When; the epoch if never.
  absl::Time compared_at() const;
  uint64_t BeginCompare();
  // Durable. Nothing happens if there was no room for an entry since `begin`.
  absl::Status EndCompare(uint64_t begin);

  int64_t depth() const;
  int64_t max_entries() const { return options_.max_entries; }
  void ShowMetrics() const;

 private:
  struct Entry {
    bool look = false;
    bool gone = false;
    bool whole = false;
    // Whether the file's name survives a crash.
    bool look_durable = false;
    bool gone_durable = false;
    bool running = false;
    int writers = 0;
    int failures = 0;
    uint64_t first = 0;  // generation that it began with
    uint64_t generation = 0;
    uint64_t done = 0;
    absl::Time since;
    absl::Duration due;
  };
  MirrorBacklog(Env& env, DirectorySyncs& syncs, const Options& options, Metrics& metrics);

  absl::Status Load();
  std::string PathOf(const Digest& digest, bool gone) const;
  // Files of one digest are made and taken away by one thread at a time.
  Mutex& FilesOf(const Digest& digest);
  // The entry, new if there is room. Null: there is none.
  Entry* Find(const Digest& digest, bool make) SR_REQUIRES(mu_);
  void Schedule(const Digest& digest, Entry& entry, absl::Duration due) SR_REQUIRES(mu_);
  void Unschedule(const Digest& digest, Entry& entry) SR_REQUIRES(mu_);
  void WriterLeft(const Digest& digest);
  std::optional<Task> TakeLocked(absl::Duration now) SR_REQUIRES(mu_);
  absl::Status MakeFile(const std::string& path);
  absl::Status MakeDurable(const Digest& digest, bool gone);
  absl::Status Sync();
  absl::Status Overflow();
  void RemoveFile(const std::string& path);
  void ShowMetricsLocked() const SR_REQUIRES(mu_);

  Env& env_;
  DirectorySyncs& syncs_;
  const Options options_;
  Gauge& depth_gauge_;
  Gauge& age_gauge_;
  Gauge& compared_gauge_;
  Gauge& away_gauge_;
  Counter& overflows_;

  std::array<Mutex, 64> files_;  // taken before mu_
  Mutex compare_files_;          // of `compared`; taken before mu_
  mutable Mutex mu_;
  CondVar work_;
  CondVar done_;
  std::map<Digest, Entry> entries_ SR_GUARDED_BY(mu_);
  // Those that wait for somebody, by when.
  std::set<std::pair<absl::Duration, Digest>> due_ SR_GUARDED_BY(mu_);
  uint64_t next_generation_ SR_GUARDED_BY(mu_) = 1;
  absl::Duration pause_ SR_GUARDED_BY(mu_);
  absl::Duration paused_until_ SR_GUARDED_BY(mu_) = -absl::InfiniteDuration();
  bool stopping_ SR_GUARDED_BY(mu_) = false;
  bool compared_ SR_GUARDED_BY(mu_) = false;
  absl::Time compared_at_ SR_GUARDED_BY(mu_) = absl::UnixEpoch();
  uint64_t overflowed_ SR_GUARDED_BY(mu_) = 0;
};

}  // namespace stockroom::fileserver
