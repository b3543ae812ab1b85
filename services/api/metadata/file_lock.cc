#include "services/api/metadata/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>

#include "services/common/base/log.h"
#include "services/common/base/status.h"

namespace stockroom::api {

absl::StatusOr<std::unique_ptr<FileLock>> FileLock::Take(const std::string& path) {
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return ErrnoStatus(errno, "opening " + path);
  std::unique_ptr<FileLock> lock(new FileLock(fd));
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return ErrnoStatus(errno, "locking " + path);
    char holder[32] = {};
    const ssize_t length = pread(fd, holder, sizeof(holder) - 1, 0);
    const std::string who =
        length > 0 ? "process " + std::string(holder, length) : std::string("another process");
    return MakeStatus(absl::StatusCode::kFailedPrecondition,
                      "the database is in use by " + who + ", which holds " + path +
                          "; only one api may use a SQLite database",
                      {.reason = "DATABASE_IN_USE", .metadata = {{"lock", path}}});
  }
  const std::string pid = std::to_string(getpid());
  if (ftruncate(fd, 0) != 0 || pwrite(fd, pid.data(), pid.size(), 0) < 0) {
    // The number only helps a reader of the message above; the lock itself holds.
    LogWarning("could not note the process id", {{"lock", path}});
  }
  return lock;
}

FileLock::~FileLock() { close(fd_); }

}  // namespace stockroom::api
