#include "services/fileserver/store/posix_env.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/common/base/status.h"

namespace stockroom::fileserver {
namespace {

absl::Status Failed(int error, std::string_view operation, const std::string& path) {
  const std::string what = std::string(operation) + " " + path;
  switch (error) {
    case EEXIST:
      return absl::AlreadyExistsError(what + ": exists already");
    case ENOTEMPTY:
      return absl::FailedPreconditionError(what + ": directory is not empty");
    case EOPNOTSUPP:
      return absl::FailedPreconditionError(
          what + ": this filesystem can not do that (ext4 and xfs can; overlay and NFS may not)");
    default:
      return ErrnoStatus(error, what);
  }
}

template <typename Call>
auto Retrying(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

class PosixFile final : public File {
 public:
  PosixFile(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  ~PosixFile() override { close(fd_); }

  absl::StatusOr<size_t> Append(std::string_view bytes) override {
    const ssize_t n = Retrying([&] { return write(fd_, bytes.data(), bytes.size()); });
    if (n < 0) return Failed(errno, "write", path_);
    return static_cast<size_t>(n);
  }

  absl::StatusOr<size_t> ReadAt(int64_t offset, char* to, size_t size) override {
    size_t done = 0;
    while (done < size) {
      const ssize_t n = Retrying(
          [&] { return pread(fd_, to + done, size - done, offset + static_cast<off_t>(done)); });
      if (n < 0) return Failed(errno, "read", path_);
      if (n == 0) break;
      done += static_cast<size_t>(n);
    }
    return done;
  }

  absl::StatusOr<int64_t> Size() override {
    struct stat st;
    if (fstat(fd_, &st) < 0) return Failed(errno, "stat", path_);
    return st.st_size;
  }

  absl::Status Truncate(int64_t size) override {
    if (Retrying([&] { return ftruncate(fd_, size); }) < 0) {
      return Failed(errno, "ftruncate", path_);
    }
    return absl::OkStatus();
  }

  absl::Status SyncData() override {
    // Not even after EINTR: the rule is one attempt per descriptor.
    if (fdatasync(fd_) < 0) return Failed(errno, "fdatasync", path_);
    return absl::OkStatus();
  }

  void BeginWriteback() override { sync_file_range(fd_, 0, 0, SYNC_FILE_RANGE_WRITE); }

  absl::Status SetModified(absl::Time time) override {
    const timespec times[2] = {{.tv_sec = 0, .tv_nsec = UTIME_OMIT}, absl::ToTimespec(time)};
    if (futimens(fd_, times) < 0) return Failed(errno, "futimens", path_);
    return absl::OkStatus();
  }

  absl::Status MakePrivate() override {
    if (fchmod(fd_, 0600) < 0) return Failed(errno, "fchmod", path_);
    return absl::OkStatus();
  }

  int Descriptor() const override { return fd_; }
  int fd() const { return fd_; }

 private:
  const int fd_;
  const std::string path_;
};

class PosixLock final : public FileLock {
 public:
  explicit PosixLock(int fd) : fd_(fd) {}
  ~PosixLock() override { close(fd_); }

 private:
  const int fd_;
};

class PosixEnvImpl final : public Env {
 public:
  absl::StatusOr<std::unique_ptr<File>> OpenUnnamed(const std::string& directory) override {
    return Open(directory, O_TMPFILE | O_RDWR, "open(O_TMPFILE)");
  }
  absl::StatusOr<std::unique_ptr<File>> Create(const std::string& path) override {
    return Open(path, O_CREAT | O_EXCL | O_WRONLY, "create");
  }
  absl::StatusOr<std::unique_ptr<File>> OpenToRead(const std::string& path) override {
    return Open(path, O_RDONLY, "open");
  }
  absl::StatusOr<std::unique_ptr<File>> OpenToAppend(const std::string& path) override {
    return Open(path, O_WRONLY | O_APPEND, "open");
  }

  absl::Status Link(File& unnamed, const std::string& path) override {
    // AT_EMPTY_PATH would need a capability; the way over /proc does not.
    char from[64];
    std::snprintf(from, sizeof(from), "/proc/self/fd/%d", static_cast<PosixFile&>(unnamed).fd());
    return Do(linkat(AT_FDCWD, from, AT_FDCWD, path.c_str(), AT_SYMLINK_FOLLOW), "linkat", path);
  }
  absl::Status Rename(const std::string& from, const std::string& to) override {
    return Do(rename(from.c_str(), to.c_str()), "rename to", to);
  }
  absl::Status Unlink(const std::string& path) override {
    return Do(unlink(path.c_str()), "unlink", path);
  }
  absl::Status Touch(const std::string& path, absl::Time time) override {
    const timespec times[2] = {{.tv_sec = 0, .tv_nsec = UTIME_OMIT}, absl::ToTimespec(time)};
    return Do(utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW), "utimensat", path);
  }
  absl::StatusOr<FileInfo> Stat(const std::string& path) override {
    struct stat st;
    if (lstat(path.c_str(), &st) < 0) return Failed(errno, "stat", path);
    return FileInfo{.regular = S_ISREG(st.st_mode),
                    .size = st.st_size,
                    .modified = absl::TimeFromTimespec(st.st_mtim),
                    .inode = st.st_ino};
  }
  void DropCached(const std::string& path) override {
    const int fd = Retrying([&] { return open(path.c_str(), O_RDONLY | O_CLOEXEC); });
    if (fd < 0) return;
    static_cast<void>(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED));
    close(fd);
  }
  absl::Status MakeDirectory(const std::string& path) override {
    return Do(mkdir(path.c_str(), 0750), "mkdir", path);
  }
  absl::Status RemoveDirectory(const std::string& path) override {
    return Do(rmdir(path.c_str()), "rmdir", path);
  }

  absl::Status SyncDirectory(const std::string& path) override {
    const int fd = Retrying([&] { return open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
    if (fd < 0) return Failed(errno, "open directory", path);
    absl::Status status;
    if (fsync(fd) < 0) status = DirectorySyncFailed(errno, path);
    close(fd);
    return status;
  }

  absl::StatusOr<std::vector<std::string>> List(const std::string& directory) override {
    DIR* dir = opendir(directory.c_str());
    if (dir == nullptr) return Failed(errno, "open directory", directory);
    std::vector<std::string> names;
    errno = 0;
    while (const dirent* entry = readdir(dir)) {
      const std::string_view name = entry->d_name;
      if (name != "." && name != "..") names.emplace_back(name);
    }
    const int error = errno;
    closedir(dir);
    if (error != 0) return Failed(error, "read directory", directory);
    std::sort(names.begin(), names.end());
    return names;
  }

  absl::StatusOr<int64_t> FreeBytes(const std::string& directory) override {
    struct statvfs st;
    if (statvfs(directory.c_str(), &st) < 0) return Failed(errno, "statvfs", directory);
    // Some network filesystems report absurdly many blocks.
    const auto bytes = static_cast<unsigned __int128>(st.f_bavail) * st.f_frsize;
    constexpr auto kMost = static_cast<unsigned __int128>(std::numeric_limits<int64_t>::max());
    return static_cast<int64_t>(std::min(bytes, kMost));
  }

  absl::StatusOr<std::unique_ptr<FileLock>> Lock(const std::string& path) override {
    const int fd = Retrying([&] { return open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640); });
    if (fd < 0) return Failed(errno, "open", path);
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
      const int error = errno;
      close(fd);
      if (error == EWOULDBLOCK) {
        return absl::FailedPreconditionError(path + " is locked by another process");
      }
      return Failed(error, "flock", path);
    }
    return std::make_unique<PosixLock>(fd);
  }

 private:
  static absl::Status Do(int result, std::string_view operation, const std::string& path) {
    return result < 0 ? Failed(errno, operation, path) : absl::OkStatus();
  }

  static absl::StatusOr<std::unique_ptr<File>> Open(const std::string& path, int flags,
                                                    std::string_view operation) {
    const int fd = Retrying([&] { return open(path.c_str(), flags | O_CLOEXEC, 0640); });
    if (fd < 0) return Failed(errno, operation, path);
    return std::make_unique<PosixFile>(fd, path);
  }
};

}  // namespace

Env& PosixEnv() {
  static PosixEnvImpl* const env = new PosixEnvImpl;
  return *env;
}

}  // namespace stockroom::fileserver
