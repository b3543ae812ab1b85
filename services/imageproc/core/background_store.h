// Storing renditions after their bytes were given out.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/time/time.h"
#include "services/common/base/call_context.h"
#include "services/common/base/executor.h"
#include "services/common/base/metrics.h"
#include "services/common/blobs/blob_client.h"

namespace stockroom::imageproc {

// Thread-safe. A rendition that can not be stored is no error: it is made again when it is asked
// for. Metrics: stockroom_rendition_stores_total (label outcome: stored, failed, dropped),
// stockroom_rendition_stores_waiting_bytes, and those of Executor ("store").
class BackgroundStore {
 public:
  struct Options {
    int threads = 4;  // each waits for the file server
    // What waits to be stored, in memory; past one of these renditions are dropped.
    int max_waiting = 256;
    int64_t max_waiting_bytes = int64_t{64} << 20;
    absl::Duration timeout = absl::Seconds(30);  // for each
  };
  BackgroundStore(const Options& options, BlobClient& blobs, Metrics& metrics);
  // Drains.
  ~BackgroundStore();

  // Never blocks. The request id and trace of `context` go along; its deadline does not.
  void Store(const CallContext& context, RenditionAddress address,
             std::shared_ptr<const std::string> bytes);

  // Takes no more, stores what waits, gives that up after `limit`. Idempotent.
  void Drain(absl::Duration limit);

 private:
  const Options options_;
  BlobClient& blobs_;
  Counter& stored_;
  Counter& failed_;
  Counter& dropped_;
  Gauge& waiting_gauge_;
  std::atomic<int64_t> waiting_bytes_{0};
  const std::shared_ptr<Cancellation> give_up_ = std::make_shared<Cancellation>();
  Executor executor_;
};

}  // namespace stockroom::imageproc
