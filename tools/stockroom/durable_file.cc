#include "tools/stockroom/durable_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "services/common/base/status.h"

namespace stockroom::cli {
namespace {

constexpr size_t kPiece = 1 << 20;

absl::Status Failed(const std::string& what, const std::string& path) {
  return ErrnoStatus(errno, what + " " + path);
}

}  // namespace

absl::StatusOr<std::unique_ptr<DurableFile>> DurableFile::Create(const std::string& temporary) {
  // Rows may hold secrets, and images may be private.
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return Failed("create", temporary);
  return std::unique_ptr<DurableFile>(new DurableFile(fd, temporary));
}

DurableFile::~DurableFile() {
  if (fd_ >= 0) ::close(fd_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

absl::Status DurableFile::Append(std::string_view bytes) {
  size_ += static_cast<int64_t>(bytes.size());
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return Failed("write", temporary_);
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

absl::Status DurableFile::Publish(const std::string& path) {
  // Once: after an error a second one would lie.
  if (::fdatasync(fd_) != 0) return Failed("sync", temporary_);
  if (::close(std::exchange(fd_, -1)) != 0) return Failed("close", temporary_);
  if (::rename(temporary_.c_str(), path.c_str()) != 0) return Failed("rename to", path);
  temporary_.clear();
  return absl::OkStatus();
}

absl::Status SyncFolder(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return Failed("open", path);
  const bool synced = ::fsync(fd) == 0;
  absl::Status status = synced ? absl::OkStatus() : Failed("sync", path);
  ::close(fd);
  return status;
}

absl::Status MakeFolder(const std::string& path) {
  const std::filesystem::path folder(path);
  const std::string parent = folder.has_parent_path() ? folder.parent_path().string() : ".";
  if (::mkdir(path.c_str(), 0700) != 0) {
    if (errno == EEXIST) return absl::OkStatus();
    if (errno != ENOENT || parent == path) return Failed("mkdir", path);
    SR_RETURN_IF_ERROR(MakeFolder(parent));
    if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return Failed("mkdir", path);
  }
  return SyncFolder(parent);
}

absl::StatusOr<std::vector<std::string>> ListFolder(const std::string& path) {
  std::error_code error;
  std::vector<std::string> names;
  for (std::filesystem::directory_iterator it(path, error), end; !error && it != end;
       it.increment(error)) {
    names.push_back(it->path().filename().string());
  }
  if (error) return ErrnoStatus(error.value(), "list " + path);
  std::sort(names.begin(), names.end());
  return names;
}

absl::StatusOr<int64_t> FileBytes(const std::string& path) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) return Failed("stat", path);
  if (!S_ISREG(info.st_mode)) return absl::NotFoundError(path + " is no file");
  return info.st_size;
}

absl::StatusOr<bool> Exists(const std::string& path) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) == 0) return true;
  // ENOTDIR: there is no such folder, but a file of its name.
  if (errno == ENOENT || errno == ENOTDIR) return false;
  return Failed("stat", path);
}

absl::Status RemoveFile(const std::string& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return Failed("remove", path);
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<ReadableFile>> ReadableFile::Open(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return Failed("open", path);
  return std::unique_ptr<ReadableFile>(new ReadableFile(fd, path));
}

ReadableFile::~ReadableFile() { ::close(fd_); }

absl::StatusOr<std::string> ReadableFile::Next(size_t size) {
  std::string bytes(size, '\0');
  size_t done = 0;
  while (done < size) {
    const ssize_t got = ::read(fd_, bytes.data() + done, size - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Failed("read", path_);
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  bytes.resize(done);
  return bytes;
}

absl::StatusOr<Digest> DigestOfFile(const std::string& path) {
  SR_ASSIGN_OR_RETURN(const std::unique_ptr<ReadableFile> file, ReadableFile::Open(path));
  StreamHasher hasher;
  for (;;) {
    SR_ASSIGN_OR_RETURN(const std::string piece, file->Next(kPiece));
    if (piece.empty()) return hasher.FinishSha256();
    hasher.Update(piece);
  }
}

absl::StatusOr<std::unique_ptr<FolderLock>> FolderLock::Take(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return Failed("open", path);
  if (::flock(fd, LOCK_EX | LOCK_NB) == 0) return std::unique_ptr<FolderLock>(new FolderLock(fd));
  ::close(fd);
  return MakeStatus(absl::StatusCode::kFailedPrecondition,
                    "another process uses this backup folder", {.reason = "BACKUP_IN_USE"});
}

FolderLock::~FolderLock() { ::close(fd_); }

}  // namespace stockroom::cli
