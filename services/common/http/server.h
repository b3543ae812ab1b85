// The HTTP/1.1 server of every process: event loop of its own, strict parsing, bounded everything.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/common/base/certificates.h"
#include "services/common/base/metrics.h"
#include "services/common/http/cors.h"
#include "services/common/http/router.h"

namespace stockroom::http {

struct ServerOptions {
  std::string listen;  // host:port; port 0 picks a free one
  // Handlers never block, so a few threads feed many connections.
  int threads = 2;
  // Request line and header fields together. Past it: 431.
  int64_t max_header_bytes = 16 << 10;
  // From a request's first byte to the end of its head, however slowly it trickles in.
  absl::Duration header_deadline = absl::Seconds(10);
  // How long a connection may lie idle between requests.
  absl::Duration idle_timeout = absl::Seconds(60);
  // Longest pause while a request's body is awaited, and while a response is being taken.
  absl::Duration body_idle_timeout = absl::Seconds(30);
  absl::Duration write_idle_timeout = absl::Seconds(30);
  // What both must reach on average, after some seconds of grace: else who sends or takes a byte
  // now and then holds a connection for ever. Slower than any link that a person would wait for. 0:
  // none.
  int64_t min_bytes_per_second = 1 << 10;
  absl::Duration grace = absl::Seconds(10);
  // Then the connection is closed after the answer, so that clients spread anew over replicas.
  int64_t max_requests_per_connection = 100'000;
  // TLS if certificate and key are given; with `ca`, clients must have a certificate of it.
  TlsFiles tls;
  absl::Duration handshake_deadline = absl::Seconds(10);
  // How often the files are looked at.
  absl::Duration tls_look_every = absl::Seconds(10);
  std::string tls_use = "gateway";  // for metrics
  // An unread body is read and dropped for this long after an early answer, so that the client gets
  // to see the answer instead of a reset connection.
  absl::Duration linger = absl::Seconds(5);
  // Each costs a descriptor and about 20 KiB. A few more are taken for health checks; they get 503
  // with Retry-After on any other route.
  int max_connections = 1024;
  // Handlers running at once. Past it: 503 with Retry-After.
  int max_requests_in_flight = 512;
  CorsOptions cors;
  // Told to clients in those answers.
  absl::Duration retry_after = absl::Seconds(1);
};

// Metrics: stockroom_http_requests_total{route,method,class}, _request_seconds{route},
// _connections, _requests_in_flight, _refused_total{why}, _failed_handshakes_total, and those of
// CertificateWatch.
class Server {
 public:
  // Serves until drained or destroyed. `metrics` must outlive the server, and so must whatever the
  // handlers refer to. UNAVAILABLE if it can not listen; INVALID_ARGUMENT for a bad address or
  // certificates that can not be used.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const ServerOptions& options, Router router,
                                                       Metrics& metrics);
  // Drains with a limit of zero, if that has not happened.
  ~Server();

  int port() const;

  // Stops accepting, closes idle connections, lets running requests finish until `limit`, then
  // cancels their contexts and closes their connections. Returns once no handler runs any more, so
  // what handlers refer to may be destroyed. Idempotent. Not from a handler.
  void Drain(absl::Duration limit);

 private:
  class Core;
  explicit Server(std::unique_ptr<Core> core);
  std::unique_ptr<Core> core_;
};

// What is not ready, for people; empty when ready. Must be cheap and must not block: it runs on the
// event loop.
using ReadinessFn = std::function<std::vector<std::string>()>;

// GET /healthz (the process is alive), /readyz (503 and the reasons as JSON when not ready),
// /metrics (Prometheus text format 0.0.4). `metrics` must outlive the server.
absl::Status MountOperational(Router& router, Metrics& metrics, ReadinessFn readiness);

}  // namespace stockroom::http
