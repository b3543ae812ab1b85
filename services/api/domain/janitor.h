// Regular work on the database that one api does for all of them.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "services/api/domain/metadata_store.h"
#include "services/api/domain/store_clock.h"
#include "services/common/base/background_loop.h"
#include "services/common/base/metrics.h"

namespace stockroom::api {

// Forgets old events and idempotency keys, and keeps the StoreClock right. Owns one thread.
// Metrics: stockroom_events_forgotten_total, stockroom_idempotency_keys_forgotten_total,
// stockroom_database_clock_difference_ms.
class Janitor {
 public:
  struct Options {
    std::string holder;  // this api process
    // How long a watcher may be away and still resume.
    absl::Duration keep_events = absl::Hours(24 * 7);
    // How long a repeated request is recognised. The IETF draft leaves it to the server; a day
    // covers every client that retries.
    absl::Duration keep_keys = absl::Hours(24);
    absl::Duration interval = absl::Seconds(30);
    // Rows in one transaction: short enough to disturb nobody.
    int batch = 1000;
  };
  Janitor(Options options, MetadataStore& store, StoreClock& clock, Metrics& metrics);
  ~Janitor();

  void Start();
  // Idempotent.
  void Stop();

  // One round, for the thread and for tests: measures the clock; then, if no other api has the
  // lease, forgets until nothing old is left or `stop` was called.
  absl::Status CleanOnce();

 private:
  void Run();

  const Options options_;
  MetadataStore& store_;
  StoreClock& clock_;
  Counter& events_total_;
  Counter& keys_total_;
  Gauge& difference_gauge_;

  BackgroundLoop loop_;
};

}  // namespace stockroom::api
