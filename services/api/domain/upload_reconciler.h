// Completes direct uploads whose clients forgot to, and clears away those that are over.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/api/domain/metadata_store.h"
#include "services/api/domain/upload_finisher.h"
#include "services/common/base/background_loop.h"
#include "services/common/base/call_context.h"
#include "services/common/base/clock.h"
#include "services/common/base/metrics.h"
#include "services/common/blobs/incoming_client.h"

namespace stockroom::api {

// Owns one thread. Whatever it does may be done at the same time by another reconciler or by the
// uploads' own clients: the lease only saves work. Metrics:
// stockroom_upload_reconciler_looked_total, _completed_total, _errors_total,
// stockroom_upload_reconciler_last_run_seconds (Unix time of the last round of this process that
// left nothing due).
class UploadReconciler {
 public:
  struct Options {
    std::string holder;  // this api process
    absl::Duration poll = absl::Seconds(5);
    // First pause between two looks at an open upload; doubles with each, up to `longest_pause`.
    absl::Duration pause = absl::Minutes(1);
    absl::Duration longest_pause = absl::Minutes(15);
    // The look that ends it if it is not whole is so long after it expired: until then its last
    // bytes may be on their way to the disk.
    absl::Duration settle = absl::Seconds(30);
    // As of UploadFinisher.
    absl::Duration keep_ended = absl::Hours(24);
    // Rows in one query; the lease is renewed between two.
    int batch = 20;
    // So long nobody reconciles after an api has died. A batch of large files may take longer; that
    // two work at the same time then is harmless.
    absl::Duration lease = absl::Seconds(15);
    absl::Duration call_timeout = absl::Seconds(10);
  };
  struct Round {
    bool mine = false;  // false: another api has the lease, nothing was done
    int looked = 0;
    int completed = 0;
    int expired = 0;
    int cleaned = 0;    // whose incoming was removed
    int forgotten = 0;  // whose row was removed
    int errors = 0;
  };

  // `clock` is that of leases (StoreClock). All must outlive it.
  UploadReconciler(Options options, UploadFinisher& finisher, IncomingClient& incoming,
                   MetadataStore& store, Clock& clock, Metrics& metrics);
  ~UploadReconciler();

  void Start();
  // Cancels a call under way and joins. Idempotent.
  void Stop();

  // One round, for the thread and for tests, never two at once: until nothing is due. What fails is
  // tried again after a pause. The store's errors, CANCELLED.
  absl::StatusOr<Round> RunOnce();

 private:
  void Run();
  absl::Status Look(const DirectUpload& upload, Round& round);
  absl::Status LookAtOpen(const DirectUpload& upload, Round& round);
  absl::Status Clean(const DirectUpload& upload, Round& round);
  absl::Time LastLook(const DirectUpload& upload) const;
  absl::Time NextLook(const DirectUpload& upload, absl::Time now) const;
  CallContext Call(absl::Duration timeout) const;

  const Options options_;
  UploadFinisher& finisher_;
  IncomingClient& incoming_;
  MetadataStore& store_;
  Clock& clock_;
  Counter& looked_total_;
  Counter& completed_total_;
  Counter& errors_total_;
  Gauge& last_run_;

  const std::shared_ptr<Cancellation> cancellation_ = std::make_shared<Cancellation>();
  BackgroundLoop loop_;
};

}  // namespace stockroom::api
