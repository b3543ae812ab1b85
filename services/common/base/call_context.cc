#include "services/common/base/call_context.h"

namespace stockroom {

CallContext CallContext::WithTimeout(absl::Duration timeout) {
  CallContext context;
  context.trace = NewTrace();
  context.request_id = context.trace.trace_id;
  context.deadline = absl::Now() + timeout;
  return context;
}

absl::Status CallContext::Check() const {
  if (cancellation->cancelled()) return absl::CancelledError("the caller no longer waits");
  if (absl::Now() >= deadline) return absl::DeadlineExceededError("the call's deadline has passed");
  return absl::OkStatus();
}

}  // namespace stockroom
