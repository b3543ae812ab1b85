// What a server spends: on a shared machine it says more than calls per second do.
#pragma once

#include <sys/types.h>

namespace stockroom::bench {

// Processor time of a process and its children so far, in seconds.
double CpuSecondsOf(pid_t pid);

}  // namespace stockroom::bench
