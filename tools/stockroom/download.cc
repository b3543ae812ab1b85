#include "tools/stockroom/download.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <memory>

#include "absl/strings/str_cat.h"
#include "services/common/base/status.h"
#include "tools/stockroom/retry.h"
#include "tools/stockroom/text.h"

namespace stockroom::cli {
namespace {

// A dead gateway is given up after this; an interrupted file is continued by the next run.
constexpr absl::Duration kRetryFor = absl::Seconds(20);

// 30 s and as long as 64 KiB/s take; the gateway's own limit is 5 minutes.
absl::Duration TransferTimeout(int64_t size) {
  return absl::Seconds(30) + absl::Seconds(static_cast<double>(size) / (64 << 10));
}

class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) {}
  ~Fd() {
    if (fd_ >= 0) ::close(fd_);
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  int get() const { return fd_; }

 private:
  const int fd_;
};

absl::Status WriteAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus(errno, "writing the file");
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return absl::OkStatus();
}

absl::StatusOr<Digest> HashOf(int fd) {
  StreamHasher hasher;
  std::string buffer(256 << 10, '\0');
  off_t at = 0;
  while (true) {
    const ssize_t n = ::pread(fd, buffer.data(), buffer.size(), at);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus(errno, "reading the part that is there");
    if (n == 0) return hasher.FinishSha256();
    hasher.Update({buffer.data(), static_cast<size_t>(n)});
    at += n;
  }
}

absl::Status Exists(const std::string& target) {
  return absl::AlreadyExistsError(target +
                                  " exists already; --force replaces it, -o names another");
}

// Under its final name in one step, and never over something that came up meanwhile.
absl::Status Publish(const std::string& part, const std::string& target, bool force) {
  const unsigned flags = force ? 0 : RENAME_NOREPLACE;
  if (::renameat2(AT_FDCWD, part.c_str(), AT_FDCWD, target.c_str(), flags) == 0) {
    return absl::OkStatus();
  }
  if (errno == EEXIST) return Exists(target);
  if (errno != EINVAL && errno != ENOSYS) return ErrnoStatus(errno, "naming " + target);
  // Some file systems can not refuse to replace; a second name can.
  if (::link(part.c_str(), target.c_str()) == 0) {
    ::unlink(part.c_str());
    return absl::OkStatus();
  }
  return errno == EEXIST ? Exists(target) : ErrnoStatus(errno, "naming " + target);
}

absl::Status Corrupt() {
  return absl::DataLossError(
      "the bytes that arrived are not those that the catalogue names (SHA-256 differs); nothing "
      "was kept");
}

class PartFile {
 public:
  PartFile(const Program& program, const Download& what, int fd)
      : program_(program), what_(what), fd_(fd) {}

  // Appends what is missing; sets the part back where the server does not continue.
  absl::Status Fetch() {
    SR_ASSIGN_OR_RETURN(const int64_t there, UsableSize());
    if (what_.sha256 && there == what_.size && there > 0) return absl::OkStatus();
    HttpRequest request{.url = what_.url,
                        .offset = there,
                        .if_range = {},
                        .with_key = true,
                        .timeout = TransferTimeout(what_.size)};
    if (what_.sha256) request.if_range = "\"" + what_.sha256->hex() + "\"";
    return program_.http.Get(
        request,
        [&](const HttpAnswer& answer) {
          const int64_t begin = answer.status == 206 ? there : 0;
          if (::ftruncate(fd_, begin) != 0 || ::lseek(fd_, begin, SEEK_SET) < 0) {
            return ErrnoStatus(errno, "writing the part");
          }
          return absl::OkStatus();
        },
        [&](std::string_view bytes) {
          received_ += static_cast<int64_t>(bytes.size());
          return WriteAll(fd_, bytes);
        });
  }

  absl::StatusOr<bool> Verified() const {
    if (!what_.sha256) return true;
    SR_ASSIGN_OR_RETURN(const Digest digest, HashOf(fd_));
    return digest == *what_.sha256;
  }

  int64_t received() const { return received_; }

 private:
  absl::StatusOr<int64_t> UsableSize() const {
    struct stat info {};
    if (::fstat(fd_, &info) != 0) return ErrnoStatus(errno, "looking at the part");
    return what_.sha256 && info.st_size <= what_.size ? info.st_size : 0;
  }

  const Program& program_;
  const Download& what_;
  const int fd_;
  int64_t received_ = 0;
};

}  // namespace

std::string SafeFileName(std::string_view name, std::string_view fallback) {
  std::string safe = OneLine(name.substr(name.find_last_of("/\\") + 1));
  while (!safe.empty() && (safe.front() == '.' || safe.front() == ' ' || safe.front() == '-')) {
    safe.erase(0, 1);
  }
  constexpr size_t kLongest = 200;
  if (safe.size() > kLongest) {
    // The ending tells programs what it is.
    const size_t dot = safe.rfind('.');
    const std::string ending =
        dot != std::string::npos && safe.size() - dot <= 12 ? safe.substr(dot) : "";
    safe = ToUtf8(safe.substr(0, kLongest - ending.size() - 3)) + ending;
  }
  return safe.empty() ? std::string(fallback) : safe;
}

absl::StatusOr<int64_t> DownloadToFile(const Program& program, const Download& what,
                                       const std::string& target, bool force) {
  struct stat info {};
  if (!force && ::lstat(target.c_str(), &info) == 0) return Exists(target);
  const std::string part = what.sha256
                               ? absl::StrCat(target, ".", what.sha256->hex().substr(0, 8), ".part")
                               : target + ".part";
  // Not through a link that somebody put there.
  const Fd fd(::open(part.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666));
  if (fd.get() < 0) return ErrnoStatus(errno, "creating " + part);
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    return absl::AbortedError("another stockroom is writing " + part + " right now");
  }
  PartFile file(program, what, fd.get());
  const auto fetch = [&] { return file.Fetch(); };
  const auto sleep = [&](absl::Duration d) { return SleepUnlessStopped(d, *program.stop); };
  // Once more from the beginning if what an earlier run left was damaged.
  for (int attempt = 0; attempt < 2; ++attempt) {
    const bool resumed = ::fstat(fd.get(), &info) == 0 && info.st_size > 0;
    if (absl::Status status = Retry(kRetryFor, fetch, sleep); !status.ok()) {
      // Only a verifiable part can be continued.
      if (!what.sha256 || (::fstat(fd.get(), &info) == 0 && info.st_size == 0)) {
        ::unlink(part.c_str());
      }
      return status;
    }
    SR_ASSIGN_OR_RETURN(const bool good, file.Verified());
    if (good) {
      // Otherwise a power cut could leave the name on an empty file.
      if (::fsync(fd.get()) != 0) return ErrnoStatus(errno, "writing " + part);
      SR_RETURN_IF_ERROR(Publish(part, target, force));
      return file.received();
    }
    if (!resumed || ::ftruncate(fd.get(), 0) != 0) break;
  }
  ::unlink(part.c_str());
  return Corrupt();
}

absl::Status DownloadToOutput(const Program& program, const Download& what) {
  StreamHasher hasher;
  const HttpRequest request{.url = what.url,
                            .offset = 0,
                            .if_range = {},
                            .with_key = true,
                            .timeout = TransferTimeout(what.size)};
  SR_RETURN_IF_ERROR(program.http.Get(
      request, [](const HttpAnswer&) { return absl::OkStatus(); },
      [&](std::string_view bytes) {
        hasher.Update(bytes);
        program.out.Raw(bytes);
        if (program.out.closed()) return absl::CancelledError("the reader is gone");
        return program.out.error();
      }));
  if (what.sha256 && hasher.FinishSha256() != *what.sha256) {
    return absl::DataLossError(
        "the bytes that were written are not those that the catalogue names (SHA-256 differs)");
  }
  return absl::OkStatus();
}

}  // namespace stockroom::cli
