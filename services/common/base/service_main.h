// The frame around every server's main: signals, configuration, logs, exit codes.
#pragma once

#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "services/common/base/config.h"

namespace stockroom {

// Declares log.level in `schema` (call once, last).
void DeclareLogLevel(ConfigSchema& schema, std::string* level);

// Loads the configuration, sets up logs and calls `serve` with the profile's name; `serve` returns
// once it was told to stop and has drained. Returns the exit code: 0, or 1 with the error logged.
int ServiceMain(const ConfigSchema& schema, const std::string& log_level, int argc,
                const char* const* argv,
                absl::FunctionRef<absl::Status(const std::string& profile)> serve);

}  // namespace stockroom
