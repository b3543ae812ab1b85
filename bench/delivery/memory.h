// What processes and their children hold.
#pragma once

#include <sys/types.h>

#include <vector>

namespace stockroom::bench {

// VmRSS of the process and of all that descend from it. Pages that they share count for each.
double ResidentMegabytes(pid_t process);

}  // namespace stockroom::bench
