#include "services/common/rpc/context.h"

#include <algorithm>

#include "services/common/base/ids.h"

namespace stockroom::rpc {

CallContext FromServerContext(const grpc::CallbackServerContext& context,
                              const DeadlinePolicy& policy) {
  CallContext call;
  const auto& metadata = context.client_metadata();
  const auto id = metadata.find(kRequestIdKey);
  call.request_id =
      CleanRequestId(id == metadata.end() ? std::string_view()
                                          : std::string_view(id->second.data(), id->second.size()));
  const auto key = metadata.find(kIdempotencyKey);
  if (key != metadata.end()) call.idempotency_key.assign(key->second.data(), key->second.size());
  const absl::Time now = absl::Now();
  const absl::Time asked = absl::FromChrono(context.deadline());
  // gRPC says "no deadline" by a time far in the future.
  const bool none = asked - now > absl::Hours(24 * 365);
  call.deadline = none ? now + policy.default_timeout : std::min(asked, now + policy.max_timeout);
  return call;
}

void ApplyTo(grpc::ClientContext& client, const CallContext& context) {
  client.set_deadline(absl::ToChronoTime(context.deadline));
  client.AddMetadata(kRequestIdKey, context.request_id);
}

}  // namespace stockroom::rpc
