// What stands around a decoder before it sees a byte of a stranger's. docs/adr/017 says why each.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "services/imageproc/sandbox/fd.h"
#include "services/imageproc/sandbox/syscall_filter.h"

namespace stockroom::imageproc {

struct Wall {
  std::string name;     // "network"
  absl::Status status;  // OK: it stands
};

// The next four are for the process that all decoders are forked from, once, in this order, while
// it has a single thread and after it opened all files that it will ever need.

// No new privileges by any program, no core dumps. An error: do not go on.
absl::Status RaiseFirstWalls();

// As far as the machine allows: a user of no rights ("user": in a namespace of its own), no
// network, no System V IPC, and an empty, read-only root directory ("user", "network", "ipc",
// "mount").
std::vector<Wall> EnterNamespaces();

// A process namespace for those forked from now on, so that they can not even name a process of the
// machine; this one stays outside. Its first process does nothing, ends with this one, and takes
// all others with it. `guardian` is its id: when it has died, nothing can be forked any more (-1:
// it could not be started, which is as bad; 0: no such namespace here).
Wall EnterProcessNamespace(SyscallFilter filter, pid_t& guardian);

// Root becomes nobody where there is no namespace for it, every capability is dropped, and no other
// process of the same user may look into this one. Stands or not: "capabilities".
Wall DropCapabilities();

// Address space, result size, open files. For each decoder, after the fork. 0: address space as it
// is.
absl::Status LimitResources(int64_t memory_bytes);

}  // namespace stockroom::imageproc
