// One picture from the gateway into a file or to standard output.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/common/base/digest.h"
#include "tools/stockroom/program.h"

namespace stockroom::cli {

struct Download {
  std::string url;
  // Of an original: what must arrive. A rendition's is not known beforehand, so it is neither
  // verified nor resumed.
  std::optional<Digest> sha256;
  int64_t size = 0;
};

// A file name of a stranger's as one that may be made in any folder: no folders, not hidden, no
// control characters, at most 200 bytes; `fallback` if nothing is left.
std::string SafeFileName(std::string_view name, std::string_view fallback);

// Writes `target`.<digest>.part, verifies, then gives it its name in one step. A part that an
// interrupted run left is continued. Returns the bytes that came over the wire.
// Errors: ALREADY_EXISTS (without `force`), DATA_LOSS (digest), ABORTED (somebody else writes the
// same part), those of the transfer and of the file system.
absl::StatusOr<int64_t> DownloadToFile(const Program& program, const Download& what,
                                       const std::string& target, bool force);

// To standard output; DATA_LOSS comes after the bytes are out.
absl::Status DownloadToOutput(const Program& program, const Download& what);

}  // namespace stockroom::cli
