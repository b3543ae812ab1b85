#include "services/api/search/store/folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <system_error>

#include "services/common/base/status.h"

namespace stockroom::api {
namespace {

// Files being written have this behind their name until they are whole.
constexpr std::string_view kUnfinished = ".new";

absl::Status WriteAll(int fd, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t n = write(fd, bytes.data(), std::min<size_t>(bytes.size(), size_t{1} << 30));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return FileError(n == 0 ? EIO : errno, "writing " + path);
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return absl::OkStatus();
}

}  // namespace

Fd::~Fd() {
  if (fd_ >= 0) close(fd_);
}

absl::Status FileError(int error, std::string_view what) {
  absl::StatusCode code = absl::StatusCode::kInternal;
  std::string reason = "SYSTEM_ERROR";
  if (error == ENOSPC || error == EDQUOT || error == EFBIG) {
    code = absl::StatusCode::kResourceExhausted;
    reason = "NO_SPACE";
  } else if (error == EMFILE || error == ENFILE || error == ENOMEM) {
    code = absl::StatusCode::kResourceExhausted;
  } else if (error == ENOENT) {
    code = absl::StatusCode::kNotFound;
  }
  return MakeStatus(code, std::string(what) + ": " + std::generic_category().message(error),
                    {.reason = reason, .metadata = {{"errno", std::to_string(error)}}});
}

absl::Status FileDamaged(std::string_view what) {
  return MakeStatus(absl::StatusCode::kDataLoss, what, {.reason = "INDEX_FILES_DAMAGED"});
}

absl::StatusOr<std::shared_ptr<const Folder>> Folder::Make(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return FileError(error.value(), "making the folder " + path);
  return Open(path);
}

absl::StatusOr<std::shared_ptr<const Folder>> Folder::Open(const std::string& path) {
  Fd fd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) return FileError(errno, "opening the folder " + path);
  return std::shared_ptr<const Folder>(new Folder(path, std::move(fd)));
}

absl::StatusOr<Fd> Folder::Lock() const {
  SR_ASSIGN_OR_RETURN(Fd lock, OpenFile("lock", O_RDWR | O_CREAT));
  if (flock(lock.get(), LOCK_EX | LOCK_NB) == 0) return lock;
  if (errno != EWOULDBLOCK) return FileError(errno, "locking " + PathOf("lock"));
  return MakeStatus(
      absl::StatusCode::kFailedPrecondition,
      "another process keeps its search index in " + path_ + ": give every api a folder of its own",
      {.reason = "FOLDER_IN_USE"});
}

absl::StatusOr<Fd> Folder::OpenFile(const std::string& name, int flags) const {
  Fd fd(openat(fd_.get(), name.c_str(), flags | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd.valid()) return FileError(errno, "opening " + PathOf(name));
  return fd;
}

absl::StatusOr<std::vector<std::string>> Folder::Names() const {
  // A descriptor of its own: the position in a folder belongs to the descriptor.
  Fd fd(openat(fd_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) return FileError(errno, "listing " + path_);
  DIR* const dir = fdopendir(fd.get());
  if (dir == nullptr) return FileError(errno, "listing " + path_);
  fd.Leave();  // closedir closes it
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = readdir(dir)) names.emplace_back(entry->d_name);
  const int error = errno;
  closedir(dir);
  if (error != 0) return FileError(error, "listing " + path_);
  std::sort(names.begin(), names.end());
  return names;
}

absl::Status Folder::Remove(const std::string& name) const {
  if (unlinkat(fd_.get(), name.c_str(), 0) == 0 || errno == ENOENT) return absl::OkStatus();
  return FileError(errno, "removing " + PathOf(name));
}

absl::Status Folder::Write(const std::string& name,
                           const std::vector<std::string_view>& parts) const {
  const std::string unfinished = name + std::string(kUnfinished);
  const auto write = [&]() -> absl::Status {
    SR_ASSIGN_OR_RETURN(const Fd file, OpenFile(unfinished, O_WRONLY | O_CREAT | O_TRUNC));
    for (const std::string_view part : parts) {
      SR_RETURN_IF_ERROR(WriteAll(file.get(), part, PathOf(unfinished)));
    }
    if (fsync(file.get()) != 0) return FileError(errno, "syncing " + PathOf(unfinished));
    if (renameat(fd_.get(), unfinished.c_str(), fd_.get(), name.c_str()) != 0) {
      return FileError(errno, "renaming " + PathOf(unfinished));
    }
    return absl::OkStatus();
  };
  absl::Status status = write();
  // What is left of it would only take room.
  if (!status.ok()) Remove(unfinished).IgnoreError();
  return status;
}

absl::StatusOr<std::string> Folder::Read(const std::string& name, uint64_t max_bytes) const {
  SR_ASSIGN_OR_RETURN(const Fd file, OpenFile(name, O_RDONLY));
  struct stat info {};
  if (fstat(file.get(), &info) != 0) return FileError(errno, "reading " + PathOf(name));
  if (!S_ISREG(info.st_mode) || static_cast<uint64_t>(info.st_size) > max_bytes) {
    return FileDamaged(PathOf(name) + " is too long");
  }
  std::string bytes(static_cast<size_t>(info.st_size), '\0');
  SR_RETURN_IF_ERROR(ReadAll(file.get(), bytes.data(), bytes.size(), PathOf(name)));
  return bytes;
}

absl::Status Folder::SyncNames() const {
  if (fsync(fd_.get()) != 0) return FileError(errno, "syncing the folder " + path_);
  return absl::OkStatus();
}

std::optional<uint64_t> NumberInName(std::string_view name, std::string_view prefix,
                                     std::string_view suffix) {
  if (name.size() <= prefix.size() + suffix.size() || !name.starts_with(prefix) ||
      !name.ends_with(suffix)) {
    return std::nullopt;
  }
  name.remove_prefix(prefix.size());
  name.remove_suffix(suffix.size());
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (error != std::errc() || end != name.data() + name.size() || name.size() > 18 ||
      (name[0] == '0' && name.size() > 1)) {
    return std::nullopt;
  }
  return number;
}

absl::Status ReadAll(int fd, char* to, uint64_t size, std::string_view what) {
  uint64_t done = 0;
  while (done < size) {
    const ssize_t n = pread(fd, to + done, std::min<uint64_t>(size - done, uint64_t{1} << 30),
                            static_cast<off_t>(done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return FileError(errno, "reading " + std::string(what));
    if (n == 0) return FileDamaged(std::string(what) + " ends too early");
    done += static_cast<uint64_t>(n);
  }
  return absl::OkStatus();
}

}  // namespace stockroom::api
