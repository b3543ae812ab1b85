// One call to an api: its deadline, key and interruption. Only sources that name gRPC include this.
#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "services/common/base/call_context.h"
#include "services/common/base/cancellation.h"
#include "services/common/rpc/context.h"
#include "services/common/rpc/status.h"
#include "tools/stockroom/client.h"
#include "tools/stockroom/settings.h"

namespace stockroom::cli {

class GrpcCall {
 public:
  GrpcCall(const Settings& settings, Cancellation& stop, absl::Duration timeout) {
    rpc::ApplyTo(context, CallContext::WithTimeout(timeout));
    if (!settings.api_key.empty()) {
      context.AddMetadata("authorization", "Bearer " + settings.api_key);
    }
    registration_ = stop.OnCancel([this] { context.TryCancel(); });
  }

  template <typename Response, typename Stub, typename Method, typename Request>
  absl::StatusOr<Response> Unary(Stub& stub, Method method, const Request& request) {
    Response response;
    const absl::Status status = rpc::FromGrpc((stub.*method)(&context, request, &response));
    if (!status.ok()) return status;
    return response;
  }

  // Sends `request`, which says what comes, and then `next`'s chunks until one is empty. The
  // answer is in what `writer` was made with.
  template <typename Request>
  absl::Status SendChunks(grpc::ClientWriter<Request>& writer, Request request,
                          const ChunkSource& next) {
    bool open = writer.Write(request);
    while (open) {
      absl::StatusOr<std::string> chunk = next();
      if (!chunk.ok()) {
        // Without a half-close the server keeps nothing of it.
        context.TryCancel();
        writer.Finish();
        return chunk.status();
      }
      if (chunk->empty()) break;
      request.set_chunk(*std::move(chunk));
      open = writer.Write(request);
    }
    if (open) writer.WritesDone();
    // A write that failed may be an answer that came early, a good one too.
    return rpc::FromGrpc(writer.Finish());
  }

  grpc::ClientContext context;

 private:
  std::unique_ptr<Cancellation::Registration> registration_;
};

}  // namespace stockroom::cli
