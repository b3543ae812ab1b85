// CallContext over gRPC: the request id travels as metadata x-request-id, the trace as traceparent
// and tracestate, the deadline as gRPC's.
#pragma once

#include <grpcpp/client_context.h>
#include <grpcpp/server_context.h>

#include "services/common/base/call_context.h"

namespace stockroom::rpc {

inline constexpr char kRequestIdKey[] = "x-request-id";
inline constexpr char kTraceparentKey[] = "traceparent";
inline constexpr char kTracestateKey[] = "tracestate";
// Read by servers; not passed on, as it means a call of the public API.
inline constexpr char kIdempotencyKey[] = "idempotency-key";

// Calls without a deadline get `default_timeout`; longer ones are cut to `max_timeout`.
struct DeadlinePolicy {
  absl::Duration default_timeout = absl::Seconds(30);
  absl::Duration max_timeout = absl::Minutes(10);
};
CallContext FromServerContext(const grpc::CallbackServerContext& context,
                              const DeadlinePolicy& policy);

// Sets deadline and metadata. Cancelling is up to the stream wrappers.
void ApplyTo(grpc::ClientContext& client, const CallContext& context);

}  // namespace stockroom::rpc
