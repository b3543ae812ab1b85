// Use case: being told what happens to images. What gRPC's Watch and server-sent events share.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "services/api/domain/metadata_store.h"
#include "services/api/domain/principal.h"

namespace stockroom::api {

struct WatchFilter {
  std::set<std::string> types;  // empty: all
  std::string image_id;         // empty: all
};

// Events that the watcher may see, and up to where everything was looked at: the position to go on
// from, at any api. No events: a sign of life.
struct WatchBatch {
  std::vector<Event> events;
  int64_t position = 0;
};

// One watcher: a position and at most one question under way. Thread-safe. Whoever holds it calls
// End before letting go, or a question under way keeps it.
class EventWatch {
 public:
  using Done = absl::AnyInvocable<void(absl::StatusOr<WatchBatch>)>;
  virtual ~EventWatch() = default;

  // The first question: answered at once, without events, by the position that the watch begins at.
  // OUT_OF_RANGE (FEED_TRIMMED: events after it are gone; FEED_POSITION_AHEAD: the feed has not got
  // there, as after a backup was restored): read the catalogue anew and watch from its position.
  virtual void Begin(Done done) = 0;
  // The next events, or a sign of life. `done` runs once, on any thread, also the caller's; it must
  // not block. Errors end the watch: OUT_OF_RANGE as above, for one that fell behind; UNAVAILABLE
  // (SHUTTING_DOWN, or of the store), CANCELLED (End).
  virtual void Next(Done done) = 0;
  // The watcher is gone: frees what is waiting, at once.
  virtual void End() = 0;
};

// Thread-safe.
class EventFeed {
 public:
  virtual ~EventFeed() = default;
  // Without `after`: from now. RESOURCE_EXHAUSTED (too many watchers), UNAVAILABLE (SHUTTING_DOWN),
  // INVALID_ARGUMENT (a negative position).
  virtual absl::StatusOr<std::shared_ptr<EventWatch>> Open(const Principal& who, WatchFilter filter,
                                                           std::optional<int64_t> after) = 0;
};

}  // namespace stockroom::api
