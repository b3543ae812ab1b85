// Deletes the bytes of images that are gone, and of uploads that never became one.
//
// Mark and sweep without marks: the file server lists what nobody touched for the grace period, the
// database says which of these it refers to, and the rest is deleted unless touched since the
// listing. In this order it is safe however many collectors run; the lease only saves work.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/api/domain/blob_admission.h"
#include "services/api/domain/metadata_store.h"
#include "services/common/base/background_loop.h"
#include "services/common/base/call_context.h"
#include "services/common/base/clock.h"
#include "services/common/base/metrics.h"
#include "services/common/blobs/blob_client.h"

namespace stockroom::api {

// Owns one thread. Metrics: stockroom_collector_scanned_total, _deleted_total, _freed_bytes_total,
// _kept_total (touched meanwhile), _errors_total, stockroom_collector_last_run_seconds (Unix time
// of the last whole sweep by this process), stockroom_collector_quiet_seconds (how long the file
// server still lists nothing).
class BlobCollector {
 public:
  struct Options {
    std::string holder;  // this api process
    // Longer than any upload may last, from its first byte to its row, and the one that uploads are
    // admitted by (Admission::grace).
    absl::Duration grace = kDefaultGrace;
    absl::Duration interval = absl::Hours(1);
    int page_size = 500;
    // Leaves the disk to those who wait for it. 0: no limit.
    double deletes_per_second = 50;
    // Renewed page by page; longer than a page takes.
    absl::Duration lease = absl::Minutes(5);
    absl::Duration call_timeout = absl::Seconds(30);
  };
  struct SweepResult {
    bool mine = false;  // false: another api has the lease, nothing was done
    // False: the lease was lost, the file server is still quiet, or it began in the middle.
    bool whole = false;
    int64_t scanned = 0;
    int64_t deleted = 0;
    int64_t freed_bytes = 0;
    int64_t kept = 0;  // touched between listing and deletion, or gone
    int64_t errors = 0;
    absl::Duration quiet_for;  // the file server lists nothing for so much longer
  };

  // `clock` is that of leases (StoreClock). All must outlive it.
  BlobCollector(Options options, BlobClient& blobs, MetadataStore& store, Clock& clock,
                Metrics& metrics);
  ~BlobCollector();

  void Start();
  // Cancels a sweep under way and joins. Idempotent.
  void Stop();

  // One sweep, for the thread or for a test, never two at once. Blobs that can not be deleted are
  // passed over, until kMaxErrors in a row; then, and when a listing or the database fails, its
  // error, and the next sweep begins behind it. CANCELLED, DEADLINE_EXCEEDED of `context`.
  absl::StatusOr<SweepResult> SweepOnce(const CallContext& context);

  static constexpr int kMaxErrors = 10;

 private:
  void Run();
  absl::StatusOr<bool> TakeLease();
  absl::Status SweepAll(const CallContext& context, SweepResult& result);
  absl::Status SweepPage(const CallContext& context, const BlobPage& page, SweepResult& result);
  absl::Status Delete(const CallContext& context, const ListedBlob& blob, SweepResult& result);
  CallContext CallOf(const CallContext& sweep) const;

  const Options options_;
  BlobClient& blobs_;
  MetadataStore& store_;
  Clock& clock_;
  Counter& scanned_total_;
  Counter& deleted_total_;
  Counter& freed_bytes_total_;
  Counter& kept_total_;
  Counter& errors_total_;
  Gauge& last_run_;
  Gauge& quiet_;

  // Of the one sweep.
  std::string resume_at_;
  int errors_in_a_row_ = 0;

  const std::shared_ptr<Cancellation> cancellation_ = std::make_shared<Cancellation>();
  BackgroundLoop loop_;
};

}  // namespace stockroom::api
