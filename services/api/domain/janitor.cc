#include "services/api/domain/janitor.h"

#include <utility>

#include "absl/functional/function_ref.h"
#include "services/common/base/log.h"
#include "services/common/base/status.h"

namespace stockroom::api {

Janitor::Janitor(Options options, MetadataStore& store, StoreClock& clock, Metrics& metrics)
    : options_(std::move(options)),
      store_(store),
      clock_(clock),
      events_total_(metrics.GetCounter("stockroom_events_forgotten_total",
                                       "Events older than the feed's retention.")),
      keys_total_(metrics.GetCounter("stockroom_idempotency_keys_forgotten_total",
                                     "Idempotency keys past their time.")),
      difference_gauge_(metrics.GetGauge("stockroom_database_clock_difference_ms",
                                         "The database's clock minus this process's.")) {}

Janitor::~Janitor() { Stop(); }

void Janitor::Start() {
  loop_.Start("janitor", [this] { Run(); });
}

void Janitor::Stop() { loop_.Stop(); }

void Janitor::Run() {
  do {
    if (absl::Status status = CleanOnce(); !status.ok()) {
      LogWarning("can not clean up the database", {{"error", status}});
    }
  } while (loop_.Sleep(options_.interval));
}

absl::Status Janitor::CleanOnce() {
  SR_RETURN_IF_ERROR(clock_.Refresh());
  difference_gauge_.Set(absl::ToInt64Milliseconds(clock_.difference()));
  const absl::Time now = clock_.Now();
  SR_ASSIGN_OR_RETURN(const bool mine,
                      store_.TakeLease("janitor", options_.holder, now, options_.interval * 2));
  if (!mine) return absl::OkStatus();

  const auto until_done = [&](Counter& total,
                              absl::FunctionRef<absl::StatusOr<int>()> forget) -> absl::Status {
    for (;;) {
      SR_ASSIGN_OR_RETURN(const int forgotten, forget());
      total.Add(forgotten);
      if (forgotten < options_.batch || loop_.stopping()) return absl::OkStatus();
    }
  };
  SR_RETURN_IF_ERROR(until_done(events_total_, [&] {
    return store_.TrimEvents(now - options_.keep_events, options_.batch);
  }));
  return until_done(keys_total_,
                    [&] { return store_.ForgetKeys(now - options_.keep_keys, options_.batch); });
}

}  // namespace stockroom::api
