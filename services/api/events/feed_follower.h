// Follows the change feed into the search index, and wakes those who wait for an image.
#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <thread>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "services/api/domain/completions.h"
#include "services/api/domain/feed_position.h"
#include "services/api/domain/metadata_store.h"
#include "services/api/domain/search_index.h"
#include "services/api/events/event_log.h"
#include "services/common/base/metrics.h"
#include "services/common/base/mutex.h"

namespace stockroom::api {

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
  };
  FeedFollower(Options options, MetadataStore& store, SearchIndex& index, FeedPosition& position,
               Completions& completions, Metrics& metrics);
  ~FeedFollower();

  // `on_ready` runs once, on the follower's thread, when the index is loaded.
  void Start(absl::AnyInvocable<void()> on_ready);
  // Something was committed. Never blocks.
  void Poke();
  void Stop();

  // The index holds a whole picture; until then searches would lie.
  bool ready() const { return ready_.load(); }

 private:
  void Run();
  // Loads the whole picture; also again, when so much of the feed was trimmed that following is not
  // possible any more. What is gone by then leaves the index.
  absl::Status Bootstrap();
  // True if there may be more at once.
  absl::StatusOr<bool> FollowOnce();
  // False when stopping.
  bool Sleep(absl::Duration longest);

  const Options options_;
  MetadataStore& store_;
  SearchIndex& index_;
  FeedPosition& position_;
  Completions& completions_;
  Gauge& position_gauge_;
  Gauge& images_gauge_;
  Counter& events_total_;
  std::atomic<bool> ready_{false};
  bool loaded_before_ = false;  // the follower's thread only
  absl::AnyInvocable<void()> on_ready_;

  Mutex mu_;
  CondVar wake_;
  bool poked_ SR_GUARDED_BY(mu_) = false;
  bool stopping_ SR_GUARDED_BY(mu_) = false;
  std::thread thread_;
};

}  // namespace stockroom::api
