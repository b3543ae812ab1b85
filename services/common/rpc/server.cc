#include "services/common/rpc/server.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/server_builder.h>

#include "services/common/base/status.h"
#include "services/common/rpc/callback_queue.h"

namespace stockroom::rpc {
namespace {

// Of HTTP/2, where its size does not follow the bandwidth: fewer heads than with the usual 16 KiB.
constexpr int kFrameBytes = 256 << 10;

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const ServerOptions& options,
                                                      std::vector<grpc::Service*> services) {
  KeepCallbackQueue();
  grpc::EnableDefaultHealthCheckService(true);
  // Process-wide in gRPC: a server built after this one in the same process has it too.
  if (options.reflection) grpc::reflection::InitProtoReflectionServerBuilderPlugin();

  std::unique_ptr<Server> server(new Server);
  grpc::ServerBuilder builder;
  server->tls_ = options.tls;
  builder.AddListeningPort(
      options.listen,
      options.tls != nullptr ? options.tls->ForServer() : grpc::InsecureServerCredentials(),
      &server->port_);
  builder.SetMaxReceiveMessageSize(options.max_message_bytes);
  builder.SetMaxSendMessageSize(options.max_message_bytes);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, options.max_streams_per_connection);
  if (options.stream_window_bytes > 0) {
    builder.AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);
    builder.AddChannelArgument(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, options.stream_window_bytes);
    builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_FRAME_SIZE, kFrameBytes);
  }
  // Two processes must not share a port by accident.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 30'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 60'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20'000);
  for (grpc::Service* service : services) builder.RegisterService(service);
  server->server_ = builder.BuildAndStart();
  if (server->server_ == nullptr || server->port_ == 0) {
    return Unavailable("CANNOT_LISTEN", "gRPC can not listen on " + options.listen +
                                            "; is another process using the port?");
  }
  server->SetServing(false);
  return server;
}

Server::~Server() { Drain(absl::ZeroDuration()); }

void Server::SetServing(bool serving) {
  server_->GetHealthCheckService()->SetServingStatus(serving);
}

void Server::Drain(absl::Duration limit) {
  if (drained_ || server_ == nullptr) return;
  drained_ = true;
  SetServing(false);
  server_->Shutdown(absl::ToChronoTime(absl::Now() + limit));
  server_->Wait();
}

}  // namespace stockroom::rpc
