#include "services/imageproc/core/admission.h"

#include "services/common/base/clock.h"
#include "services/common/base/status.h"

namespace stockroom::imageproc {
namespace {

// Never jumps, as the queue wants it. Not a time of day.
absl::Time SteadyNow() { return absl::UnixEpoch() + BootTimeNow(); }

Histogram& WaitHistogram(Metrics& metrics, const char* work) {
  return metrics.GetHistogram("stockroom_admission_wait_seconds", "Wait for a CPU slot.",
                              Histogram::LatencyBounds(), {{"class", work}});
}

}  // namespace

Admission::Admission(const AdmissionOptions& options, Metrics& metrics)
    : waiting_gauge_(metrics.GetGauge("stockroom_admission_waiting",
                                      "Work that fetches or waits for a CPU slot.")),
      work_gauge_(metrics.GetGauge("stockroom_admission_waiting_work_ms",
                                   "Predicted CPU time of what waits.")),
      held_gauge_(metrics.GetGauge("stockroom_admission_held_bytes",
                                   "Sources in memory of what waits or runs.")),
      running_gauge_(metrics.GetGauge("stockroom_admission_running", "CPU slots in use.")),
      pace_gauge_(metrics.GetGauge("stockroom_admission_pace_percent",
                                   "Time that renders take of late, of what was predicted.")),
      render_wait_seconds_(WaitHistogram(metrics, "render")),
      job_wait_seconds_(WaitHistogram(metrics, "job")),
      refused_(metrics.GetCounter("stockroom_admission_refused_total",
                                  "Renders that were told to come back later.")),
      queue_(options) {}

absl::StatusOr<std::unique_ptr<Admission::Ticket>> Admission::Enter(const RenderCost& cost,
                                                                    int64_t held_bytes,
                                                                    WorkClass work) {
  MutexLock lock(mu_);
  const auto id = queue_.Enter(cost, held_bytes, work, SteadyNow());
  if (!id.ok()) {
    refused_.Add();
    return id.status();
  }
  std::unique_ptr<Ticket> ticket(new Ticket(*this, *id, work));
  tickets_[*id] = ticket.get();
  StartWhatMay();
  return ticket;
}

absl::Status Admission::Ticket::AwaitSlot(const CallContext& context) {
  const absl::Time began = absl::Now();
  const auto wake = context.cancellation->OnCancel([this] {
    MutexLock lock(admission_.mu_);
    turn_.NotifyAll();
  });
  MutexLock lock(admission_.mu_);
  admission_.queue_.Ready(id_);
  admission_.StartWhatMay();
  while (!started_) {
    SR_RETURN_IF_ERROR(context.Check());
    turn_.WaitFor(admission_.mu_, context.TimeLeft());
  }
  Histogram& seconds =
      work_ == WorkClass::kJob ? admission_.job_wait_seconds_ : admission_.render_wait_seconds_;
  seconds.Observe(absl::ToDoubleSeconds(absl::Now() - began));
  return absl::OkStatus();
}

Admission::Ticket::~Ticket() { admission_.Leave(id_); }

void Admission::Leave(AdmissionQueue::Id id) {
  MutexLock lock(mu_);
  tickets_.erase(id);
  queue_.Leave(id, SteadyNow());
  StartWhatMay();
}

void Admission::StartWhatMay() {
  while (const auto next = queue_.StartNext(SteadyNow())) {
    Ticket& ticket = *tickets_.at(*next);
    ticket.started_ = true;
    ticket.turn_.NotifyAll();
  }
  waiting_gauge_.Set(queue_.waiting());
  work_gauge_.Set(absl::ToInt64Milliseconds(queue_.waiting_work()));
  held_gauge_.Set(queue_.held_bytes());
  running_gauge_.Set(queue_.running());
  pace_gauge_.Set(static_cast<int64_t>(100 * queue_.pace()));
}

}  // namespace stockroom::imageproc
