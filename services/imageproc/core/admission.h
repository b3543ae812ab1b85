// One budget of CPU slots, shared by ingest jobs and renders: threads wait here for their turn.
#pragma once

#include <map>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/common/base/call_context.h"
#include "services/common/base/metrics.h"
#include "services/common/base/mutex.h"
#include "services/imageproc/core/admission_queue.h"

namespace stockroom::imageproc {

// Thread-safe; outlives its tickets. Metrics: stockroom_admission_waiting,
// stockroom_admission_waiting_work_ms (predicted), stockroom_admission_held_bytes,
// stockroom_admission_running, stockroom_admission_pace_percent,
// stockroom_admission_wait_seconds (label class),
// stockroom_admission_refused_total.
class Admission {
 public:
  // A place in the line, then a slot; given back when it is destroyed. Belongs to one thread.
  class Ticket {
   public:
    ~Ticket();
    Ticket(const Ticket&) = delete;
    Ticket& operator=(const Ticket&) = delete;

    // Waits for the slot. CANCELLED or DEADLINE_EXCEEDED at once when nobody waits any more. Call
    // once, when everything else is there.
    absl::Status AwaitSlot(const CallContext& context);

   private:
    friend class Admission;
    Ticket(Admission& admission, AdmissionQueue::Id id, WorkClass work)
        : admission_(admission), id_(id), work_(work) {}

    Admission& admission_;
    const AdmissionQueue::Id id_;
    const WorkClass work_;
    CondVar turn_;
    bool started_ = false;  // guarded by the admission's lock
  };

  Admission(const AdmissionOptions& options, Metrics& metrics);

  // Takes a place in the line, before anything is fetched: what is refused costs nothing.
  // `held_bytes`: of the source. Errors as AdmissionQueue::Enter. Never blocks.
  absl::StatusOr<std::unique_ptr<Ticket>> Enter(const RenderCost& cost, int64_t held_bytes,
                                                WorkClass work);

 private:
  void Leave(AdmissionQueue::Id id);
  void StartWhatMay() SR_REQUIRES(mu_);

  Gauge& waiting_gauge_;
  Gauge& work_gauge_;
  Gauge& held_gauge_;
  Gauge& running_gauge_;
  Gauge& pace_gauge_;
  Histogram& render_wait_seconds_;
  Histogram& job_wait_seconds_;
  Counter& refused_;

  Mutex mu_;
  AdmissionQueue queue_ SR_GUARDED_BY(mu_);
  std::map<AdmissionQueue::Id, Ticket*> tickets_ SR_GUARDED_BY(mu_);
};

}  // namespace stockroom::imageproc
