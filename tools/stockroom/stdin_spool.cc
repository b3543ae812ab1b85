#include "tools/stockroom/stdin_spool.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <string_view>

#include "services/common/base/status.h"

namespace stockroom::cli {
namespace {

constexpr int64_t kMostBytes = 4LL << 30;
constexpr int kPollMs = 100;

// Waits for input; false when interrupted. Signals are taken by a thread of their own and do not
// interrupt a read.
bool InputIsReady(const Cancellation& stop) {
  pollfd in{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
  while (!stop.cancelled()) {
    if (::poll(&in, 1, kPollMs) > 0) return true;
  }
  return false;
}

// 0 at the end.
absl::StatusOr<size_t> ReadSome(const Cancellation& stop, char* bytes, size_t size) {
  while (InputIsReady(stop)) {
    const ssize_t n = ::read(STDIN_FILENO, bytes, size);
    if (n >= 0) return static_cast<size_t>(n);
    if (errno != EINTR && errno != EAGAIN) return ErrnoStatus(errno, "reading standard input");
  }
  return absl::CancelledError("interrupted");
}

absl::Status WriteAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0)
      return ErrnoStatus(errno, "keeping standard input in the folder for temporary files");
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return absl::OkStatus();
}

absl::Status Spool(const Cancellation& stop, int fd) {
  std::string buffer(256 << 10, '\0');
  int64_t total = 0;
  while (true) {
    SR_ASSIGN_OR_RETURN(const size_t n, ReadSome(stop, buffer.data(), buffer.size()));
    if (n == 0) return absl::OkStatus();
    total += static_cast<int64_t>(n);
    if (total > kMostBytes) return absl::OutOfRangeError("standard input has more than 4 GiB");
    SR_RETURN_IF_ERROR(WriteAll(fd, {buffer.data(), n}));
  }
}

}  // namespace

absl::StatusOr<int> SpoolStdin(const Cancellation& stop) {
  std::error_code error;
  std::filesystem::path folder = std::filesystem::temp_directory_path(error);
  if (error) folder = "/tmp";
  std::string name = (folder / "stockroom-stdin-XXXXXX").string();
  const int fd = ::mkstemp(name.data());
  if (fd < 0) return ErrnoStatus(errno, "keeping standard input in " + folder.string());
  ::unlink(name.c_str());
  const absl::Status status = Spool(stop, fd);
  if (status.ok()) return fd;
  ::close(fd);
  return status;
}

std::string ReadLine(const Cancellation& stop) {
  std::string line;
  char c = 0;
  while (line.size() < 4096) {
    const absl::StatusOr<size_t> n = ReadSome(stop, &c, 1);
    if (!n.ok() || *n == 0 || c == '\n') break;
    line += c;
  }
  return line;
}

}  // namespace stockroom::cli
