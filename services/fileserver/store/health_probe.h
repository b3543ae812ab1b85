// Asks the backend every few seconds whether it could store something, for health and readiness.
#pragma once

#include <functional>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "services/common/base/metrics.h"
#include "services/common/base/mutex.h"
#include "services/fileserver/store/blob_backend.h"

namespace stockroom::fileserver {

// Owns one thread. Metrics: stockroom_fileserver_writable (1 or 0), _free_bytes (if known).
class HealthProbe {
 public:
  // `on_change` runs on the probe's thread after the first probe and whenever the answer changes
  // between OK and not OK.
  HealthProbe(BlobBackend& backend, absl::Duration interval,
              std::function<void(const absl::Status&)> on_change, Metrics& metrics);
  ~HealthProbe();
  // Joins the thread; from then on last() says that the process is stopping. Idempotent.
  void Stop();
  HealthProbe(const HealthProbe&) = delete;
  HealthProbe& operator=(const HealthProbe&) = delete;

  // Result of the last probe; UNAVAILABLE before the first. Thread-safe, does not block.
  absl::Status last() const;

 private:
  void Run();

  BlobBackend& backend_;
  const absl::Duration interval_;
  const std::function<void(const absl::Status&)> on_change_;
  Gauge& writable_;
  Metrics& metrics_;
  mutable Mutex mu_;
  CondVar wake_;
  absl::Status last_ SR_GUARDED_BY(mu_);
  bool stopping_ SR_GUARDED_BY(mu_) = false;
  std::thread thread_;
};

}  // namespace stockroom::fileserver
