// The newest events, in memory, for those who watch.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "services/api/domain/metadata_store.h"
#include "services/common/base/metrics.h"
#include "services/common/base/mutex.h"

namespace stockroom::api {

// A ring that the feed follower fills once the search index reflects the events. Readers keep their
// own position and pull, so that a slow one costs nothing but its position. Thread-safe.
//
// Metric: stockroom_event_log_events.
class EventLog {
 public:
  struct Options {
    // An event takes about 250 bytes.
    size_t max_events = 10'000;
  };
  EventLog(Options options, Metrics& metrics);

  // The events that follow what is here, in order.
  void Append(std::span<const Event> events);
  // Events up to `position` are not here; later ones will be appended.
  void Restart(int64_t position);

  struct Batch {
    // Some of what the reader wants is not here any more (or not yet known to be): it must ask the
    // store.
    bool behind = false;
    std::vector<Event> events;
    // Everything up to here was looked at.
    int64_t position = 0;
  };
  // At most `limit` events after `position`.
  Batch Read(int64_t position, size_t limit) const;
  // Position of the newest event; nullopt until the first Restart.
  std::optional<int64_t> last() const;

  // `callback` runs once, when something after `position` is here: at once or on the thread that
  // appends. It must not block. The id is for CancelWait.
  uint64_t WaitBeyond(int64_t position, absl::AnyInvocable<void()> callback);
  // The callback will not begin any more; it is destroyed. It may be running.
  void CancelWait(uint64_t id);
  size_t waiting() const;

 private:
  void WakeAll();

  const Options options_;
  Gauge& events_gauge_;
  mutable Mutex mu_;
  std::deque<Event> ring_ SR_GUARDED_BY(mu_);
  // Events after this one are in the ring, if they exist.
  int64_t before_ring_ SR_GUARDED_BY(mu_) = 0;
  int64_t last_ SR_GUARDED_BY(mu_) = 0;
  bool started_ SR_GUARDED_BY(mu_) = false;
  uint64_t next_wait_ SR_GUARDED_BY(mu_) = 0;
  std::map<uint64_t, absl::AnyInvocable<void()>> waits_ SR_GUARDED_BY(mu_);
};

}  // namespace stockroom::api
