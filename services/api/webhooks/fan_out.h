// Reads the change feed for webhooks: which events are for whom.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/api/domain/metadata_store.h"
#include "services/common/base/background_loop.h"
#include "services/common/base/clock.h"
#include "services/common/base/metrics.h"

namespace stockroom::api {

// Owns one thread. Of several apis one reads, under the lease "webhooks"; two would be safe, as the
// position moves with the deliveries in one transaction and only from where it was. Where there is
// no webhook nothing is read. Also forgets what of the log is old.
//
// Metrics: stockroom_webhook_reader_position, stockroom_webhook_matched_total,
// stockroom_webhook_overflow_total (born dead), stockroom_webhook_feed_trimmed_total.
class WebhookFanOut {
 public:
  struct Options {
    std::string holder;  // this api process
    int max_pending = 10'000;
    absl::Duration keep_log = absl::Hours(24 * 7);
    // How often to look for events of other processes. Own commits poke.
    absl::Duration poll = absl::Seconds(1);
    // Steps are at least so far apart: each is a transaction, and events come in crowds.
    absl::Duration pace = absl::Milliseconds(50);
    absl::Duration lease = absl::Seconds(10);
    absl::Duration trim_every = absl::Minutes(1);
    int batch = 500;
    // A step ends with the event that makes it so many: each is a row, and the reader's row is
    // locked meanwhile.
    size_t max_deliveries = 1000;
    // Something is to be sent. Must not block.
    std::function<void()> wake = [] {};
  };
  // `clock` is that of leases (StoreClock). All must outlive it.
  WebhookFanOut(Options options, MetadataStore& store, Clock& clock, Metrics& metrics);
  ~WebhookFanOut();

  void Start();
  // Something was committed. Never blocks.
  void Poke();
  // Idempotent.
  void Stop();

  // One step, for the thread and for tests: true if there may be more at once. False, too, if
  // another api has the lease.
  absl::StatusOr<bool> StepOnce();
  // Forgets the old log, if it is this api's turn.
  absl::Status TrimOnce();

 private:
  void Run();
  absl::StatusOr<bool> HoldLease();
  absl::StatusOr<std::vector<Event>> ReadAfter(int64_t position);
  // Of the webhooks as they are now, after the events were read: one that was made before an event
  // must not miss it. Drops the events that are too many for one step.
  absl::StatusOr<std::vector<NewDelivery>> Match(std::vector<Event>& events);

  const Options options_;
  MetadataStore& metadata_;
  WebhookStore& store_;
  Clock& clock_;
  Gauge& position_gauge_;
  Counter& matched_total_;
  Counter& overflow_total_;
  Counter& trimmed_total_;
  // Of the thread.
  absl::Time leased_until_ = absl::InfinitePast();

  BackgroundLoop loop_;
};

}  // namespace stockroom::api
