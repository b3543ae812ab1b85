// From what was given to the command that does it.
#pragma once

#include "tools/stockroom/command_line.h"

namespace stockroom::cli {

// Reads the settings, takes the signals, runs the command. Returns the exit code.
int Run(const Invocation& invocation);

}  // namespace stockroom::cli
