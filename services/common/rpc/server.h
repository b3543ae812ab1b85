// A gRPC server with what every process needs: limits, health, optional reflection, drain.
#pragma once

#include <grpcpp/server.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "services/common/rpc/tls.h"

namespace stockroom::rpc {

struct ServerOptions {
  std::string listen;  // host:port; port 0 picks a free one
  bool reflection = false;
  // Largest message; chunks are at most 1 MiB.
  int max_message_bytes = 4 << 20;
  // Streams one connection may hold at once: bounds what one client can pile up.
  int max_streams_per_connection = 512;
  // What a client may send ahead of the reading of one stream, and thus what a stream holds in
  // memory. 0: gRPC follows the product of bandwidth and delay, without a bound.
  int stream_window_bytes = 0;
  // Plain if null.
  std::shared_ptr<TlsCertificates> tls;
};

class Server {
 public:
  // Serves `services`, which must outlive the server. UNAVAILABLE if it can not listen.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const ServerOptions& options,
                                                       std::vector<grpc::Service*> services);
  ~Server();

  int port() const { return port_; }

  // grpc.health.v1 status of the whole server ("") and of every service. NOT_SERVING until first
  // set. Health answers on its own path whatever the load.
  void SetServing(bool serving);

  // NOT_SERVING, then refuses new calls, waits for running ones until `limit`, then cancels the
  // rest. Returns once nothing runs any more. Idempotent.
  void Drain(absl::Duration limit);

 private:
  Server() = default;
  std::shared_ptr<TlsCertificates> tls_;  // outlives the server below
  std::unique_ptr<grpc::Server> server_;
  int port_ = 0;
  bool drained_ = false;
};

}  // namespace stockroom::rpc
