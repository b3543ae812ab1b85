// What every main needs: waiting for the signal to stop.
#pragma once

#include "absl/functional/function_ref.h"
#include "absl/time/time.h"

namespace stockroom {

// Blocks SIGTERM and SIGINT in the calling thread and all that it starts, and ignores SIGPIPE. Call
// first in main.
void PrepareSignals();

// Raises the limit on open descriptors to the most that this process may have: connections cost one
// each, and the usual 1024 are meant for programs that use select().
void RaiseDescriptorLimit();

// Abseil as Debian builds it looks for cycles of locks: each of its mutexes, and gRPC takes tens of
// them a call, then goes through a graph under one lock of the whole process (measured: 268 instead
// of 68 ns for two). Our own locks are judged by the compiler and by TSan.
void SkipSearchForLockCycles();

// Waits for SIGTERM or SIGINT and returns its number. After it returned, a second signal ends the
// process at once (exit code 130), for people who do not want to wait for the drain.
int WaitForStopSignal();

// Ends the process with exit code 1 if `drain_limit` passes before the returned object is
// destroyed: a drain that hangs must not hang the machine's shutdown.
class DrainWatchdog {
 public:
  explicit DrainWatchdog(absl::Duration drain_limit);
  ~DrainWatchdog();
  DrainWatchdog(const DrainWatchdog&) = delete;
  DrainWatchdog& operator=(const DrainWatchdog&) = delete;

 private:
  struct State;
  State* state_;
};

}  // namespace stockroom
