// Holds new hashes of the block list against the images that are visible already.
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/api/domain/block_list.h"
#include "services/api/domain/change_listeners.h"
#include "services/api/domain/metadata_store.h"
#include "services/common/base/background_loop.h"
#include "services/common/base/clock.h"
#include "services/common/base/metrics.h"

namespace stockroom::api {

// One thread in every api; one api at a time sweeps, under a lease, and another goes on where it
// died: how far it came is in the database, moved page by page after the page's images are flagged.
// A sweep is for the hashes that came in until it began; those that come in meanwhile are the next
// one's. An image that becomes visible behind its back was checked by the completing transaction
// against at least that list.
class ModerationSweep {
 public:
  struct Options {
    std::string holder;  // this api process
    // How often to look whether the list has changed: every api's own copy of the list is renewed
    // by this, too.
    absl::Duration poll = absl::Seconds(1);
    // Images of one page: what is done again after a crash.
    int page = 500;
    // How long a dead api keeps the others from sweeping.
    absl::Duration lease = absl::Seconds(10);
    // Told of what the sweep has hidden; may be null.
    WriteListener* listener = nullptr;
  };
  // `clock` is that of leases. All must outlive it.
  ModerationSweep(Options options, MetadataStore& store, BlockList& list, Clock& clock,
                  Metrics& metrics);
  ~ModerationSweep();

  void Start();
  // The list was changed. Never blocks.
  void Poke();
  void Stop();

  // Renews the copy of the list, and sweeps at most one page. True if there is more to do at once.
  absl::StatusOr<bool> Step();

 private:
  void Run();
  absl::StatusOr<bool> SweepPage(const SweepState& state, const BlockListSnapshot& list);

  const Options options_;
  ModerationStore& moderation_;
  MetadataStore& store_;
  BlockList& list_;
  Clock& clock_;
  Counter& swept_total_;
  Counter& flagged_total_;
  Gauge& behind_gauge_;
  BackgroundLoop loop_;
};

}  // namespace stockroom::api
