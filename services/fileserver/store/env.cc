#include "services/fileserver/store/env.h"

namespace stockroom::fileserver {

absl::Status AppendAll(File& file, std::string_view bytes) {
  while (!bytes.empty()) {
    absl::StatusOr<size_t> written = file.Append(bytes);
    if (!written.ok()) return written.status();
    // write(2) may take nothing without an error; asking again for ever would hang the upload.
    if (*written == 0) return absl::UnavailableError("write took no bytes and named no error");
    bytes.remove_prefix(*written);
  }
  return absl::OkStatus();
}

absl::Status EnsureDirectory(Env& env, const std::string& path) {
  absl::Status made = env.MakeDirectory(path);
  return absl::IsAlreadyExists(made) ? absl::OkStatus() : made;
}

}  // namespace stockroom::fileserver
