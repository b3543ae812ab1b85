// Env over POSIX and Linux calls (O_TMPFILE, linkat, flock).
#pragma once

#include "services/fileserver/store/env.h"

namespace stockroom::fileserver {

// Lives for ever; has no state.
Env& PosixEnv();

}  // namespace stockroom::fileserver
