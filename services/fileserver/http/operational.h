// The file server's HTTP port.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "services/common/base/metrics.h"
#include "services/common/http/server.h"
#include "services/fileserver/store/health_probe.h"

namespace stockroom::fileserver {

// Serves /healthz, /readyz (not ready while the store can not write) and /metrics. What is passed
// in outlives the server. UNAVAILABLE if it can not listen.
absl::StatusOr<std::unique_ptr<http::Server>> StartHttp(const std::string& listen,
                                                        const HealthProbe& probe, Metrics& metrics);

}  // namespace stockroom::fileserver
