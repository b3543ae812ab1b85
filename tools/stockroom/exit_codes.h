// What the exit code says. Documented in `stockroom --help`; scripts rely on it.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace stockroom::cli {

enum ExitCode : int {
  kExitOk = 0,
  kExitFailed = 1,         // something, or some of several, failed
  kExitUsage = 2,          // the command line, the configuration or the query can not be read
  kExitNotFound = 3,       // no such image, rendition or file
  kExitRefused = 4,        // not allowed, or the image's state does not allow it
  kExitAway = 5,           // the server does not answer or is too busy
  kExitUnknown = 6,        // no key or token was shown, or one that is not accepted
  kExitInterrupted = 130,  // SIGINT
  kExitTerminated = 143,   // SIGTERM
};

ExitCode ExitCodeOf(const absl::Status& status);

// Of several: 0 if all went well, their common code if all failed alike, else 1.
ExitCode CombinedExitCode(const std::vector<ExitCode>& codes);

// One sentence for people, with what to do. `address` is who was asked.
std::string Explain(const absl::Status& status, const std::string& address);

}  // namespace stockroom::cli
