#include "services/fileserver/store/slots.h"

#include "absl/strings/str_cat.h"
#include "services/common/base/status.h"

namespace stockroom::fileserver {

Slots::Slots(const std::string& kind, int64_t limit, Metrics& metrics)
    : kind_(kind),
      limit_(limit),
      running_(RunningGauge(kind, metrics)),
      refused_(metrics.GetCounter("stockroom_fileserver_transfers_refused_total",
                                  "Transfers refused because too many ran.", {{"kind", kind}})) {}

Gauge& Slots::RunningGauge(const std::string& kind, Metrics& metrics) {
  return metrics.GetGauge("stockroom_fileserver_transfers_running", "Transfers that run now.",
                          {{"kind", kind}});
}

absl::StatusOr<Slots::Slot> Slots::Take() {
  if (taken_.fetch_add(1) >= limit_) {
    taken_.fetch_sub(1);
    refused_.Add();
    return Overloaded(absl::StrCat(limit_, " ", kind_, "s run already; try again shortly"),
                      absl::Milliseconds(500));
  }
  running_.Add(1);
  return Slot(this);
}

Slots::Slot::~Slot() {
  if (owner_ == nullptr) return;
  owner_->running_.Add(-1);
  owner_->taken_.fetch_sub(1);
}

}  // namespace stockroom::fileserver
