// Follows the change feed into the search index, and wakes those who wait for an image.
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "absl/time/time.h"
#include "services/api/domain/change_listeners.h"
#include "services/api/domain/completions.h"
#include "services/api/domain/feed_position.h"
#include "services/api/domain/index_loading.h"
#include "services/api/domain/metadata_store.h"
#include "services/api/domain/search_index.h"
#include "services/api/events/event_log.h"
#include "services/common/base/background_loop.h"
#include "services/common/base/backoff.h"
#include "services/common/base/metrics.h"
#include "services/common/base/mutex.h"

namespace stockroom::api {

// What a piece of the feed says about images, with their rows as they are by now.
struct FeedPiece {
  std::vector<Event> events;
  std::vector<Image> changed;
  std::vector<std::string> deleted;
};
// At most `batch` events after `position`. OUT_OF_RANGE (FEED_TRIMMED).
absl::StatusOr<FeedPiece> ReadFeedPiece(MetadataStore& store, int64_t position, int batch);

// One thread. Events carry (image, revision); the rows are read in batches afterwards, so the index
// may be ahead of the position it names, never behind.
class FeedFollower {
 public:
  struct Options {
    // How often to look for events of other processes. Own commits poke.
    absl::Duration poll = absl::Milliseconds(50);
    int batch = 500;
    // Gets every event once the index reflects it. May be null.
    EventLog* log = nullptr;
    // An image is gone: whoever works on it may stop. Must not block.
    std::function<void(const std::string& image_id)> on_deleted = [](const std::string&) {};
    // Told what became of the images that events were about. May be null.
    FeedListener* listener = nullptr;
    // Fills the empty index from what an earlier process left, and returns the position that it
    // stands at, from which the feed goes on. Nothing: nothing fits, and the index is empty. An
    // error: the database does not answer; it is tried again. May be null.
    std::function<absl::StatusOr<std::optional<int64_t>>()> restore = nullptr;
    // Of the index: told when all is loaded before anybody searches. May be null.
    IndexLoading* loading = nullptr;
    // Images that the index could not take in and that are tried again one by one; of more, all is
    // loaded anew. Their rows are in memory at once: about 10 MB.
    size_t most_lost = 2000;
    // Before that: a disk is seldom less full soon, and loading reads the whole catalogue. Doubles
    // with each time in a row.
    absl::Duration load_pause = absl::Seconds(30);
    absl::Duration longest_load_pause = absl::Hours(1);
  };
  FeedFollower(Options options, MetadataStore& store, SearchIndex& index, FeedPosition& position,
               Completions& completions, Metrics& metrics);
  ~FeedFollower();

  // `on_ready` runs once, on the follower's thread, when the index is loaded.
  void Start(absl::AnyInvocable<void()> on_ready);
  // Something was committed. Never blocks.
  void Poke();
  void Stop();

  // Runs `work`, which puts other content in the place of the index's, on the follower's thread
  // between two changes of the index, and waits for it. The listener is told. CANCELLED if the
  // follower stops before. Not from that thread.
  absl::Status Between(absl::FunctionRef<void()> work);

  // The index holds a whole picture, but for at most most_lost images; until then searches would
  // lie.
  bool ready() const { return ready_.load(); }
  // Whatever the feed said up to the position that was read before this was asked is in the index;
  // else the disk was full, say, and images wait to be taken in. Until then no checkpoint may be
  // written, as the next process would never learn of them. Thread-safe.
  bool whole() const { return whole_.load(); }

 private:
  void Run();
  // Loads the whole picture; also again, when so much of the feed was trimmed that following is not
  // possible any more. What is gone by then leaves the index. RESOURCE_EXHAUSTED: the index could
  // not take in more than most_lost of it.
  absl::Status Bootstrap();
  // Applies, and remembers what was lost.
  void Apply(std::vector<Image> changed, const std::vector<std::string>& deleted);
  // Reads and applies what was lost, if it is time to.
  absl::Status ApplyLost();
  // Takes what an earlier process left, if that is possible; following does the rest. An error only
  // if the database does not answer.
  absl::Status Restore();
  void BecomeReady();
  // Loads or restores and, in the latter case, follows until the picture is whole.
  absl::StatusOr<bool> BeginOnce();
  void RunBetween();
  // True if there may be more at once.
  absl::StatusOr<bool> FollowOnce();

  const Options options_;
  MetadataStore& store_;
  SearchIndex& index_;
  FeedPosition& position_;
  Completions& completions_;
  Gauge& position_gauge_;
  Gauge& images_gauge_;
  Counter& events_total_;
  std::atomic<bool> ready_{false};
  std::atomic<bool> whole_{true};
  // The follower's thread only:
  bool loaded_before_ = false;
  bool tried_restore_ = false;
  bool load_anew_ = false;
  std::set<std::string> lost_;  // at most most_lost, or load_anew_
  Backoff lost_backoff_{{.first = absl::Milliseconds(100), .longest = absl::Seconds(30)}};
  absl::Duration apply_lost_at_;           // BootTimeNow
  Backoff load_backoff_;                   // of loads that the index was too full for
  absl::Duration load_at_;                 // BootTimeNow; not before
  std::optional<int64_t> restored_until_;  // restored, and ready from this position on
  absl::AnyInvocable<void()> on_ready_;

  struct Errand {
    absl::FunctionRef<void()> work;
    bool done = false;
  };
  Mutex errand_mu_;
  CondVar errand_changed_;
  Errand* errand_ SR_GUARDED_BY(errand_mu_) = nullptr;
  bool over_ SR_GUARDED_BY(errand_mu_) = false;

  BackgroundLoop loop_;
};

}  // namespace stockroom::api
