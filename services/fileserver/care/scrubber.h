// Walks through everything that is kept, slowly and for ever, and checks every sum.
//
// A pass goes through all digests in their order, each original with its renditions. Digests are
// spread evenly, so whoever is at the digest d of 2^256 has done d / 2^256 of the work: a pass
// takes Options::period, evenly, without anybody counting files first. Its place survives restarts.
//
// What rotted: a rendition is removed, as it is made anew when somebody wants it; an original is
// moved to the quarantine, so that nobody is served rot and the next upload of the same bytes heals
// it. Before that it is read a second time, from the disk, and the move happens only if nobody has
// touched or replaced it since. What can not be read is not rot: it is left alone, and quarantined
// if the next pass can not read it either. When too much is wrong in one pass, it is the machine
// that is broken (memory, controller): the scrub halts, moves nothing more, and says so until
// somebody starts it again.
#pragma once

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/common/base/background_loop.h"
#include "services/common/base/clock.h"
#include "services/common/base/metrics.h"
#include "services/common/base/mutex.h"
#include "services/common/blobs/care_types.h"
#include "services/fileserver/care/blob_check.h"
#include "services/fileserver/care/scrub_place.h"
#include "services/fileserver/store/blob_backend.h"
#include "services/fileserver/store/care_backend.h"

namespace stockroom::fileserver {

// Owns one thread. Thread-safe. Metrics: stockroom_fileserver_scrub_checked_total and
// _scrub_damaged_total (label kind: blob, rendition), _scrub_bytes_total, _scrub_read_errors_total,
// _scrub_running, _scrub_halted (0 or 1), _scrub_progress_permille, _scrub_last_pass_seconds (Unix
// time of the end of the last whole pass), _quarantined_blobs (files in the quarantine).
class Scrubber {
 public:
  struct Options {
    // What a pass takes. 0: only those that somebody starts.
    absl::Duration period = absl::Hours(24 * 30);
    // Never more, also when a pass is behind its time. 0: no limit.
    int64_t bytes_per_second = int64_t{16} << 20;
    // Originals found damaged in one pass before it halts.
    int max_damaged = 100;
    // Originals that could not be read in one pass before it halts.
    int max_unreadable = 16;
    // Somebody waits for the disk now; the scrub then holds back. Null: nobody ever does.
    std::function<bool()> busy;
    Clock* clock = &Clock::Real();
    // For tests: instead of sleeping. False: stop.
    std::function<bool(absl::Duration)> sleep;
  };

  // All must outlive it.
  Scrubber(Options options, BlobBackend& blobs, CareBackend& care, Metrics& metrics);
  ~Scrubber();

  void Start();
  // Ends after the piece under way, keeps the place, joins. Idempotent.
  void Stop();

  ScrubStatus status() const;
  // A pass from the beginning, now, at this rate (0: the configured one). INVALID_ARGUMENT (rate),
  // ABORTED (SCRUB_RUNS: one that was started so is under way).
  absl::StatusOr<ScrubStatus> StartNow(int64_t bytes_per_second);

  // What the thread does until it has to sleep: begins a pass that is due or goes on with one. For
  // the thread or a test. ABORTED (SCRUB_RUNS) if somebody else is at it; OK also when it halts.
  absl::Status RunDue();

  // Files in the quarantine. UNAVAILABLE.
  absl::StatusOr<int64_t> CountQuarantined();

 private:
  // kAgain: it changed meanwhile.
  enum class Step { kGoOn, kAgain, kStop };

  void Run();
  void LoadPlace();
  void SavePlace();
  bool BeginIfDue();
  void Begin(bool requested, int64_t bytes_per_second) SR_REQUIRES(mu_);
  absl::Duration UntilDue() const;
  void RunPass();
  void EndPass();
  // One page of things; `over` when it was the last.
  Step Page(std::string& cursor, bool& over);
  Step CheckThing(const StoredThing& thing);
  Step CheckOriginal(const Digest& digest);
  absl::StatusOr<Checked> ReadOriginal(const Digest& digest);
  Step Damaged(const Digest& digest, const std::string& stamp, const Checked& checked);
  Step Unreadable(const Digest& digest, const std::string& stamp, const Checked& checked);
  Step Quarantine(const Digest& digest, const std::string& stamp, const Checked& checked);
  Step CheckRenditions(const Digest& original);
  Step CheckOneRendition(const RenditionAddress& address);
  void CountReadError();
  Step Halt(const std::string& because);
  // Waits until it is time for this digest.
  Step WaitFor(const Digest& digest);
  // Waits as the rate and the others at the disk demand. CANCELLED when it is time to stop.
  absl::Status Pace(int64_t bytes);
  bool Sleep(absl::Duration duration);
  bool GoesOn() const;
  void ShowMetrics();

  const Options options_;
  BlobBackend& blobs_;
  CareBackend& care_;
  Counter& checked_blobs_;
  Counter& checked_renditions_;
  Counter& damaged_blobs_;
  Counter& damaged_renditions_;
  Counter& bytes_;
  Counter& read_errors_;
  Gauge& running_gauge_;
  Gauge& halted_;
  Gauge& progress_;
  Gauge& last_pass_;
  Gauge& quarantined_;

  mutable Mutex mu_;
  ScrubPlace place_ SR_GUARDED_BY(mu_);
  bool loaded_ SR_GUARDED_BY(mu_) = false;
  bool running_ SR_GUARDED_BY(mu_) = false;
  // A pass that somebody asked for, to begin as soon as the thread lets go of the present one.
  bool wanted_ SR_GUARDED_BY(mu_) = false;
  int64_t wanted_rate_ SR_GUARDED_BY(mu_) = 0;

  // Of the one who runs.
  absl::Duration debt_;
  absl::Time saved_ = absl::InfinitePast();
  int unreadable_now_ = 0;
  bool stopped_ = false;  // a sleep said so

  BackgroundLoop loop_;
};

}  // namespace stockroom::fileserver
