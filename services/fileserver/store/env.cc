#include "services/fileserver/store/env.h"

#include "absl/strings/str_cat.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"

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

absl::Status WriteSyncedFile(Env& env, const std::string& path, std::string_view content) {
  SR_ASSIGN_OR_RETURN(const std::unique_ptr<File> file, env.Create(path));
  SR_RETURN_IF_ERROR(AppendAll(*file, content));
  return file->SyncData();
}

absl::StatusOr<std::string> ReadSmallFile(Env& env, const std::string& path, int64_t max_bytes) {
  SR_ASSIGN_OR_RETURN(const std::unique_ptr<File> file, env.OpenToRead(path));
  SR_ASSIGN_OR_RETURN(const int64_t size, file->Size());
  if (size > max_bytes) return absl::DataLossError(path + " is larger than any of ours");
  std::string content(static_cast<size_t>(size), '\0');
  SR_ASSIGN_OR_RETURN(const size_t got, file->ReadAt(0, content.data(), content.size()));
  content.resize(got);
  return content;
}

absl::Status DirectorySyncFailed(int error, const std::string& path) {
  const absl::Status why = ErrnoStatus(error, "fsync directory " + path);
  return MakeStatus(absl::StatusCode::kUnavailable, Sv(why.message()),
                    {.reason = kSyncFailed,
                     .metadata = DetailsOf(why).metadata,
                     .violations = {},
                     .retry_after = absl::Seconds(30)});
}

absl::Status CheckReserve(Env& env, const std::string& directory, int64_t reserve_bytes) {
  SR_ASSIGN_OR_RETURN(const int64_t free, env.FreeBytes(directory));
  if (free >= reserve_bytes) return absl::OkStatus();
  return MakeStatus(
      absl::StatusCode::kResourceExhausted,
      absl::StrCat("the file server's disk is full: ", free, " bytes are free and ", reserve_bytes,
                   " are kept in reserve (limits.reserve_bytes)"),
      {.reason = "NO_SPACE", .metadata = {}, .violations = {}, .retry_after = absl::Seconds(30)});
}

absl::Status EnsureDirectory(Env& env, const std::string& path) {
  absl::Status made = env.MakeDirectory(path);
  return absl::IsAlreadyExists(made) ? absl::OkStatus() : made;
}

absl::Status SyncParent(Env& env, const std::string& path) {
  const size_t slash = path.find_last_of('/');
  if (slash == std::string::npos) return env.SyncDirectory(".");
  return env.SyncDirectory(slash == 0 ? "/" : path.substr(0, slash));
}

}  // namespace stockroom::fileserver
