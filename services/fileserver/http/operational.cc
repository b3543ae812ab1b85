#include "services/fileserver/http/operational.h"

#include <utility>
#include <vector>

#include "services/common/base/status.h"

namespace stockroom::fileserver {

absl::StatusOr<std::unique_ptr<http::Server>> StartHttp(const std::string& listen,
                                                        const HealthProbe& probe,
                                                        Metrics& metrics) {
  http::Router router;
  SR_RETURN_IF_ERROR(http::MountOperational(router, metrics, [&probe] {
    const absl::Status status = probe.last();
    std::vector<std::string> reasons;
    if (!status.ok()) reasons.push_back("store: " + std::string(status.message()));
    return reasons;
  }));
  http::ServerOptions options;
  options.listen = listen;
  return http::Server::Start(options, std::move(router), metrics);
}

}  // namespace stockroom::fileserver
