#include "services/fileserver/http/operational.h"

#include <utility>
#include <vector>

#include "services/common/base/status.h"

namespace stockroom::fileserver {

absl::StatusOr<std::unique_ptr<http::Server>> StartHttp(const http::ServerOptions& options,
                                                        http::Router router,
                                                        const HealthProbe& probe,
                                                        Metrics& metrics) {
  SR_RETURN_IF_ERROR(http::MountOperational(router, metrics, [&probe] {
    const absl::Status status = probe.last();
    std::vector<std::string> reasons;
    if (!status.ok()) reasons.push_back("store: " + std::string(status.message()));
    return reasons;
  }));
  return http::Server::Start(options, std::move(router), metrics);
}

}  // namespace stockroom::fileserver
