// HTTP over libcurl: one thread, one connection at a time; connections are kept and shared.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "services/common/base/metrics.h"
#include "services/common/base/mutex.h"
#include "services/common/s3/transport.h"

namespace stockroom::s3 {

// No proxy of the environment, no redirects, no .netrc, HTTP/1.1 with TLS 1.2 or newer.
// Metrics: stockroom_s3_connections_busy.
class CurlTransport final : public Transport {
 public:
  struct Options {
    std::string ca_file;  // PEM; the system's authorities if empty
    // Requests that run at once, and connections that are kept. Further ones wait their turn.
    int max_connections = 64;
    absl::Duration connect_timeout = absl::Seconds(5);
    // A transfer that moves less than 1 KiB a second for so long is given up. Uploads get a second
    // more for each 4 MiB, which the server may have to write before it answers.
    absl::Duration stall_timeout = absl::Seconds(20);
  };
  // FAILED_PRECONDITION (ca_file), INTERNAL (no libcurl).
  static absl::StatusOr<std::unique_ptr<CurlTransport>> Create(const Options& options,
                                                               Metrics& metrics);
  // No request may run any more.
  ~CurlTransport() override;

  // RESOURCE_EXHAUSTED when no connection became free in time.
  absl::StatusOr<HttpResponse> Send(const HttpRequest& request) override;

 private:
  class Lease;
  CurlTransport(const Options& options, Metrics& metrics);

  const Options options_;
  Gauge& busy_;
  Mutex mu_;
  CondVar freed_;
  // libcurl's handles, each with its connection; the one used last is taken first.
  std::vector<void*> idle_ SR_GUARDED_BY(mu_);
  int running_ SR_GUARDED_BY(mu_) = 0;
};

}  // namespace stockroom::s3
