#include "services/fileserver/store/health_probe.h"

#include <optional>
#include <utility>

#include "services/common/base/log.h"
#include "services/common/base/status.h"

namespace stockroom::fileserver {

HealthProbe::HealthProbe(BlobBackend& backend, absl::Duration interval,
                         std::function<void(const absl::Status&)> on_change, Metrics& metrics)
    : backend_(backend),
      interval_(interval),
      on_change_(std::move(on_change)),
      writable_(metrics.GetGauge("stockroom_fileserver_writable",
                                 "1 if the last probe could store something, else 0.")),
      metrics_(metrics),
      last_(Unavailable("STARTING", "the store has not been probed yet")),
      thread_([this] { Run(); }) {}

HealthProbe::~HealthProbe() { Stop(); }

void HealthProbe::Stop() {
  {
    MutexLock lock(mu_);
    stopping_ = true;
    wake_.NotifyAll();
  }
  if (thread_.joinable()) thread_.join();
  MutexLock lock(mu_);
  last_ = Unavailable("SHUTTING_DOWN", "the file server is shutting down");
}

absl::Status HealthProbe::last() const {
  MutexLock lock(mu_);
  return last_;
}

void HealthProbe::Run() {
  std::optional<bool> was_ok;
  for (;;) {
    const absl::Status now = backend_.CheckWritable();
    writable_.Set(now.ok() ? 1 : 0);
    if (const std::optional<int64_t> free = backend_.FreeBytes()) {
      metrics_.GetGauge("stockroom_fileserver_free_bytes", "Bytes that can still be stored.")
          .Set(*free);
    }
    {
      MutexLock lock(mu_);
      last_ = now;
    }
    if (was_ok != now.ok()) {
      if (!now.ok()) LogError("the store can not write", {{"error", now}});
      if (now.ok() && was_ok.has_value()) LogInfo("the store can write again");
      was_ok = now.ok();
      on_change_(now);
    }
    const absl::Time next = absl::Now() + interval_;
    MutexLock lock(mu_);
    while (!stopping_ && absl::Now() < next) wake_.WaitFor(mu_, next - absl::Now());
    if (stopping_) return;
  }
}

}  // namespace stockroom::fileserver
