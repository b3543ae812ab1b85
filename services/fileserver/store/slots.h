// A bound on how many transfers run at once.
#pragma once

#include <atomic>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "services/common/base/metrics.h"

namespace stockroom::fileserver {

// Thread-safe; outlives its slots. Metrics (label kind): stockroom_fileserver_transfers_running,
// stockroom_fileserver_transfers_refused_total.
class Slots {
 public:
  Slots(const std::string& kind, int64_t limit, Metrics& metrics);

  // How many of this kind run, for those who give way to them.
  static Gauge& RunningGauge(const std::string& kind, Metrics& metrics);

  // Given back when destroyed.
  class Slot {
   public:
    Slot(Slot&& other) noexcept : owner_(std::exchange(other.owner_, nullptr)) {}
    Slot& operator=(Slot&&) = delete;
    ~Slot();

   private:
    friend class Slots;
    explicit Slot(Slots* owner) : owner_(owner) {}
    Slots* owner_;
  };

  // RESOURCE_EXHAUSTED with a retry delay when all are taken.
  absl::StatusOr<Slot> Take();

 private:
  const std::string kind_;
  const int64_t limit_;
  std::atomic<int64_t> taken_{0};
  Gauge& running_;
  Counter& refused_;
};

}  // namespace stockroom::fileserver
