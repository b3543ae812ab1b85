// Standard input, as far as commands read it; both functions give up when interrupted.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "services/common/base/cancellation.h"

namespace stockroom::cli {

// Everything into a nameless file in the folder for temporary files; the caller closes the
// descriptor. OUT_OF_RANGE past 4 GiB, CANCELLED.
absl::StatusOr<int> SpoolStdin(const Cancellation& stop);

// One line without its end; "" at the end of input or when interrupted.
std::string ReadLine(const Cancellation& stop);

}  // namespace stockroom::cli
