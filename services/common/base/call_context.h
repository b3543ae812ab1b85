// What every call carries from the edge to the last process: who it is for logs, how long it may
// take, and whether anyone still waits.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "services/common/base/cancellation.h"
#include "services/common/base/trace_context.h"

namespace stockroom {

struct CallContext {
  std::string request_id;
  // Passed on to every process that works on this call, in which it gets a span id of its own.
  TraceContext trace;
  // Names this attempt at a write, as the client sent it; empty if it gave none. Here rather than
  // in the requests so that it takes one way through both front ends and is never part of what a
  // repetition is compared by.
  std::string idempotency_key;
  // Becomes true when the answer is a stored one. Null unless the front end wants to know.
  std::shared_ptr<std::atomic<bool>> replayed;
  // Every call has one; there is no "for ever".
  absl::Time deadline;
  // Never null.
  std::shared_ptr<Cancellation> cancellation = std::make_shared<Cancellation>();

  // A context of its own: fresh trace, its id as request id, `timeout` from now.
  static CallContext WithTimeout(absl::Duration timeout);

  absl::Duration TimeLeft() const { return deadline - absl::Now(); }
  // CANCELLED or DEADLINE_EXCEEDED when the work is in vain, else OK. Check it in loops.
  absl::Status Check() const;
};

}  // namespace stockroom
