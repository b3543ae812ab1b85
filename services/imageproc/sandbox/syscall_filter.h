// The system calls that a decoder may make: a short list. Everything else kills it.
#pragma once

#include <linux/filter.h>

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace stockroom::imageproc {

// Allowed: memory that is not executable, threads, waiting, reading and writing what is open,
// sealing, time, signals to itself. What libraries ask out of habit and can do without (opening
// files, their status, terminals, scheduling) fails with an error, as on a machine that has no such
// thing: an honest decoder lives on. What no decoder ever needs (sockets, processes, programs,
// tracing, mounts, kernel keys, BPF, io_uring …) kills the whole process with SIGSYS: who tries
// that has been taken over, and should neither go on trying nor be taken for a bad image.
class SyscallFilter {
 public:
  // Compiles it: some milliseconds, before any fork. INTERNAL: this machine's kernel or libseccomp
  // can not.
  static absl::StatusOr<SyscallFilter> Compile();

  // For the calling thread and all that it starts, for ever. Requires no_new_privs. In a process of
  // one thread; allocates nothing.
  absl::Status Apply();

 private:
  std::vector<sock_filter> program_;
};

}  // namespace stockroom::imageproc
