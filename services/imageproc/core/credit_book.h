// One budget of slots, offered to many streams as short-lived credits.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "services/common/base/clock.h"
#include "services/common/base/metrics.h"
#include "services/common/base/mutex.h"

namespace stockroom::imageproc {

// Running jobs and credits that may still be spent are never more than `slots`, over all streams.
// Free slots go one by one round the streams that want more than they hold. A credit that is not
// spent in time returns to the budget. Thread-safe; has no thread of its own: somebody must call
// Expire() now and then.
//
// Metrics: stockroom_credits_offered, stockroom_slots_running, stockroom_slots_total.
class CreditBook {
 public:
  // Called with a lock held, so it must neither block nor call back into the book.
  using Grant = std::function<void(std::vector<uint64_t> credits)>;

  CreditBook(int slots, absl::Duration ttl, Clock& clock, Metrics& metrics);

  // Streams begin without demand.
  uint64_t AddStream(Grant grant);
  // Voids its credits. No grant is under way or follows once this has returned. Its running jobs
  // keep their slots until each is Released.
  void RemoveStream(uint64_t stream);
  // How many jobs the stream could send now; stands until it is replaced.
  void SetDemand(uint64_t stream, int jobs);

  // Takes a slot for a job; false if this stream does not hold the credit (any more).
  [[nodiscard]] bool Spend(uint64_t stream, uint64_t credit);
  // The job is over, its slot is free again.
  void Release();

  // Takes back what has expired and grants it anew.
  void Expire();

  // No more credits, and those that are out are void.
  void StopGranting();

  int running() const;
  // Waits until no job runs; false if some still do at `timeout`.
  bool WaitIdle(absl::Duration timeout);

 private:
  struct Stream {
    Grant grant;
    int demand = 0;
    std::map<uint64_t, absl::Time> credits;  // id to expiry
  };

  void ExpireLocked() SR_REQUIRES(mu_);
  void GrantLocked() SR_REQUIRES(mu_);
  int OfferedLocked() const SR_REQUIRES(mu_);
  void UpdateGauges() SR_REQUIRES(mu_);

  const int slots_;
  const absl::Duration ttl_;
  Clock& clock_;
  Gauge& offered_gauge_;
  Gauge& running_gauge_;

  mutable Mutex mu_;
  CondVar idle_;
  std::map<uint64_t, Stream> streams_ SR_GUARDED_BY(mu_);
  uint64_t next_id_ SR_GUARDED_BY(mu_) = 1;
  uint64_t last_served_ SR_GUARDED_BY(mu_) = 0;  // stream that got the last credit
  int running_ SR_GUARDED_BY(mu_) = 0;
  bool stopped_ SR_GUARDED_BY(mu_) = false;
};

}  // namespace stockroom::imageproc
