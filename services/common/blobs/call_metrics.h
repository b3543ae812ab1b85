// What RemoteBlobClient counts.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "services/common/base/metrics.h"

namespace stockroom {

// Of one kind of call. Thread-safe.
class CallMetrics {
 public:
  CallMetrics(const std::string& call, Metrics& metrics)
      : call_(call),
        metrics_(metrics),
        calls_(metrics.GetCounter("stockroom_blob_client_calls_total",
                                  "Calls to the file server that were started.", {{"call", call}})),
        bytes_(metrics.GetCounter("stockroom_blob_client_bytes_total",
                                  "Payload bytes to and from the file server.", {{"call", call}})) {
  }

  void Started() { calls_.Add(); }
  void Moved(size_t bytes) { bytes_.Add(bytes); }
  void Failed(const absl::Status& status) {
    metrics_
        .GetCounter("stockroom_blob_client_failures_total", "Calls to the file server that failed.",
                    {{"call", call_}, {"code", absl::StatusCodeToString(status.code())}})
        .Add();
  }

 private:
  const std::string call_;
  Metrics& metrics_;
  Counter& calls_;
  Counter& bytes_;
};

}  // namespace stockroom
