// The file server's HTTP port.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "services/common/base/metrics.h"
#include "services/common/http/server.h"
#include "services/fileserver/store/health_probe.h"

namespace stockroom::fileserver {

// Serves what `router` has, and /healthz, /readyz (not ready while the store can not write) and
// /metrics. What is passed in by reference outlives the server. Errors of http::Server::Start.
absl::StatusOr<std::unique_ptr<http::Server>> StartHttp(const http::ServerOptions& options,
                                                        http::Router router,
                                                        const HealthProbe& probe, Metrics& metrics);

}  // namespace stockroom::fileserver
