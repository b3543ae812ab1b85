#include "services/common/rpc/context.h"

#include <algorithm>
#include <iterator>
#include <map>

#include "services/common/base/ids.h"

namespace stockroom::rpc {

namespace {

using Metadata = std::multimap<grpc::string_ref, grpc::string_ref>;

// "" if it is absent, or there more than once: which one counts nobody could say.
std::string_view Only(const Metadata& metadata, const char* key) {
  const auto [begin, end] = metadata.equal_range(key);
  if (begin == end || std::next(begin) != end) return {};
  return {begin->second.data(), begin->second.size()};
}

}  // namespace

CallContext FromServerContext(const grpc::CallbackServerContext& context,
                              const DeadlinePolicy& policy) {
  CallContext call;
  const Metadata& metadata = context.client_metadata();
  call.trace = ContinueTrace(Only(metadata, kTraceparentKey), Only(metadata, kTracestateKey));
  const auto id = metadata.find(kRequestIdKey);
  call.request_id =
      CleanRequestId(id == metadata.end() ? std::string_view()
                                          : std::string_view(id->second.data(), id->second.size()),
                     call.trace.trace_id);
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
  if (context.trace.trace_id.empty()) return;
  client.AddMetadata(kTraceparentKey, context.trace.Traceparent());
  if (!context.trace.state.empty()) client.AddMetadata(kTracestateKey, context.trace.state);
}

}  // namespace stockroom::rpc
