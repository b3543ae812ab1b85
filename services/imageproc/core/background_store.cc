#include "services/imageproc/core/background_store.h"

#include <utility>

#include "services/common/base/log.h"
#include "services/common/base/timer.h"
#include "services/common/blobs/blocking.h"

namespace stockroom::imageproc {
namespace {

Counter& OutcomeCounter(Metrics& metrics, const char* outcome) {
  return metrics.GetCounter("stockroom_rendition_stores_total",
                            "Renditions to store after they were given out.",
                            {{"outcome", outcome}});
}

}  // namespace

BackgroundStore::BackgroundStore(const Options& options, BlobClient& blobs, Metrics& metrics)
    : options_(options),
      blobs_(blobs),
      stored_(OutcomeCounter(metrics, "stored")),
      failed_(OutcomeCounter(metrics, "failed")),
      dropped_(OutcomeCounter(metrics, "dropped")),
      waiting_gauge_(metrics.GetGauge("stockroom_rendition_stores_waiting_bytes",
                                      "Renditions in memory that are not stored yet.")),
      executor_({.name = "store", .threads = options.threads, .max_queued = options.max_waiting},
                metrics) {}

BackgroundStore::~BackgroundStore() { Drain(absl::ZeroDuration()); }

void BackgroundStore::Store(const CallContext& context, RenditionAddress address,
                            std::shared_ptr<const std::string> bytes) {
  const auto size = static_cast<int64_t>(bytes->size());
  const auto account = [this](int64_t change) {
    waiting_gauge_.Set(waiting_bytes_.fetch_add(change) + change);
  };
  account(size);
  absl::Status queued = absl::ResourceExhaustedError("too much waits to be stored");
  if (waiting_bytes_ <= options_.max_waiting_bytes) {
    queued = executor_.Submit([this, account, size, call = context, address = std::move(address),
                               bytes = std::move(bytes)]() mutable {
      call.deadline = absl::Now() + options_.timeout;
      call.cancellation = give_up_;
      const auto stored = WriteRendition(blobs_, call, address, *bytes);
      account(-size);
      (stored.ok() ? stored_ : failed_).Add();
      if (!stored.ok()) {
        LogWarning("a rendition could not be stored",
                   {{"original", address.original.hex()}, {"error", stored.status()}},
                   call.request_id);
      }
    });
  }
  if (!queued.ok()) {
    account(-size);
    dropped_.Add();
  }
}

void BackgroundStore::Drain(absl::Duration limit) {
  TimerQueue timer;
  timer.RunAt(absl::Now() + limit, [this] { give_up_->Cancel(); });
  executor_.Shutdown();
}

}  // namespace stockroom::imageproc
