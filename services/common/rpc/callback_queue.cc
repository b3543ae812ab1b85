#include "services/common/rpc/callback_queue.h"

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

namespace stockroom::rpc {

void KeepCallbackQueue() {
  // Never destroyed: a server without a port, whose callback service holds the queue.
  static const grpc::Server* const server = [] {
    grpc::ServerBuilder builder;
    builder.RegisterCallbackGenericService(new grpc::CallbackGenericService);
    return builder.BuildAndStart().release();
  }();
  static_cast<void>(server);
}

}  // namespace stockroom::rpc
