// Loaded into the file server by LD_PRELOAD: keeps the shadow of shadow.h, and ends the process at
// a chosen operation. Sees real system calls, so it also tells whether the Env seam, whose
// in-memory twin the unit tests cut the power of, does what it says.
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>

#include "tests/power/shadow.h"

namespace stockroom::power {
namespace {

template <typename Call>
Call Real(const char* name) {
  return reinterpret_cast<Call>(dlsym(RTLD_NEXT, name));
}

std::string FromEnvironment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

[[noreturn]] void Fail(const char* what, const std::string& path) {
  std::fprintf(stderr, "power shim: %s %s: %s\n", what, path.c_str(), std::strerror(errno));
  std::abort();
}

class Shadow {
 public:
  static Shadow& Get() {
    static Shadow* const shadow = new Shadow;
    return *shadow;
  }

  bool Inside(const std::string& path) const {
    return !root_.empty() && (path == root_ || path.rfind(root_ + "/", 0) == 0);
  }
  bool Inside(int fd) const { return !root_.empty() && Inside(PathOf(fd)); }

  // Before and after each operation of interest.
  long Begin() {
    const long number = 1 + operations_.fetch_add(1);
    if (die_at_ > 0 && number == die_at_ && die_at_ % 2 == 0) Die();
    return number;
  }
  void End(long number) const {
    if (die_at_ > 0 && number == die_at_) Die();
  }

  static std::string PathOf(int fd) {
    char link[64];
    std::snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    std::array<char, 4096> path;
    const ssize_t n = ::readlink(link, path.data(), path.size());
    return n <= 0 ? "" : std::string(path.data(), static_cast<size_t>(n));
  }

  // Reads a file as it is; Publish makes that what a power cut leaves of it.
  std::string ReadFile(int fd) {
    char link[64];
    std::snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    const std::string temporary = Temporary();
    const int from = ::open(link, O_RDONLY | O_CLOEXEC);
    if (from < 0) Fail("can not read", PathOf(fd));
    const int to = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (to < 0) Fail("can not write", temporary);
    static const auto real_write = Real<ssize_t (*)(int, const void*, size_t)>("write");
    std::array<char, 65536> buffer;
    for (ssize_t n; (n = ::read(from, buffer.data(), buffer.size())) > 0;) {
      if (real_write(to, buffer.data(), static_cast<size_t>(n)) != n)
        Fail("can not write", temporary);
    }
    // `from` stays open: the number of a file that was removed must not become another's, or its
    // old name, still in the shadow, would lead to that.
    ::close(to);
    return temporary;
  }

  std::string ReadDirectory(const std::string& path) {
    const std::string temporary = Temporary();
    FILE* out = std::fopen(temporary.c_str(), "we");
    DIR* directory = ::opendir(path.c_str());
    if (out == nullptr || directory == nullptr) Fail("can not list", path);
    while (const dirent* entry = ::readdir(directory)) {
      const std::string name = entry->d_name;
      if (name == "." || name == "..") continue;
      std::fprintf(out, "%lu %c %s\n", static_cast<unsigned long>(entry->d_ino),
                   entry->d_type == DT_DIR ? 'd' : 'f', name.c_str());
    }
    ::closedir(directory);
    std::fclose(out);
    return temporary;
  }

  void Publish(const std::string& temporary, const char* kind, ino_t inode) const {
    const std::string name =
        shadow_ + "/" + kind + "-" + std::to_string(static_cast<unsigned long>(inode));
    static const auto real_rename = Real<int (*)(const char*, const char*)>("rename");
    if (real_rename(temporary.c_str(), name.c_str()) != 0) Fail("can not publish", name);
  }

  // What is read before one sync and published after it must not overtake another's of the same
  // folder or file.
  std::mutex& LockOf(ino_t inode) { return locks_[static_cast<size_t>(inode) % locks_.size()]; }

 private:
  Shadow()
      : root_(FromEnvironment(kRootVariable)),
        shadow_(FromEnvironment(kShadowVariable)),
        die_at_(std::atol(FromEnvironment(kDieAtVariable).c_str())) {}

  std::string Temporary() {
    return shadow_ + "/temporary-" + std::to_string(temporaries_.fetch_add(1));
  }
  [[noreturn]] static void Die() {
    ::kill(::getpid(), SIGKILL);
    for (;;) ::pause();
  }

  const std::string root_;
  const std::string shadow_;
  const long die_at_;
  std::atomic<long> operations_{0};
  std::atomic<long> temporaries_{0};
  std::array<std::mutex, 64> locks_;
};

// fsync, fdatasync.
int Sync(int fd, int (*real)(int)) {
  Shadow& shadow = Shadow::Get();
  if (!shadow.Inside(fd)) return real(fd);
  struct stat st;
  if (::fstat(fd, &st) != 0) return real(fd);
  const long number = shadow.Begin();
  const bool directory = S_ISDIR(st.st_mode);
  int result = 0;
  int error = 0;
  {
    const std::lock_guard lock(shadow.LockOf(st.st_ino));
    const std::string read =
        directory ? shadow.ReadDirectory(Shadow::PathOf(fd)) : shadow.ReadFile(fd);
    result = real(fd);
    error = errno;
    if (result == 0) {
      shadow.Publish(read, directory ? "directory" : "inode", st.st_ino);
    } else {
      ::unlink(read.c_str());
    }
  }
  shadow.End(number);
  errno = error;
  return result;
}

// Whatever has an effect that only a sync makes durable.
template <typename Call>
auto Counted(bool inside, Call call) {
  if (!inside) return call();
  Shadow& shadow = Shadow::Get();
  const long number = shadow.Begin();
  const auto result = call();
  const int error = errno;
  shadow.End(number);
  errno = error;
  return result;
}

}  // namespace
}  // namespace stockroom::power

using stockroom::power::Counted;
using stockroom::power::Real;
using stockroom::power::Shadow;
using stockroom::power::Sync;

extern "C" {

int fsync(int fd) {
  static const auto real = Real<int (*)(int)>("fsync");
  return Sync(fd, real);
}

int fdatasync(int fd) {
  static const auto real = Real<int (*)(int)>("fdatasync");
  return Sync(fd, real);
}

ssize_t write(int fd, const void* bytes, size_t size) {
  static const auto real = Real<ssize_t (*)(int, const void*, size_t)>("write");
  return Counted(Shadow::Get().Inside(fd), [&] { return real(fd, bytes, size); });
}

int ftruncate(int fd, off_t size) noexcept {
  static const auto real = Real<int (*)(int, off_t)>("ftruncate");
  return Counted(Shadow::Get().Inside(fd), [&] { return real(fd, size); });
}

int linkat(int from_fd, const char* from, int to_fd, const char* to, int flags) noexcept {
  static const auto real = Real<int (*)(int, const char*, int, const char*, int)>("linkat");
  return Counted(Shadow::Get().Inside(to), [&] { return real(from_fd, from, to_fd, to, flags); });
}

int rename(const char* from, const char* to) noexcept {
  static const auto real = Real<int (*)(const char*, const char*)>("rename");
  return Counted(Shadow::Get().Inside(to), [&] { return real(from, to); });
}

int unlink(const char* path) noexcept {
  static const auto real = Real<int (*)(const char*)>("unlink");
  return Counted(Shadow::Get().Inside(path), [&] { return real(path); });
}

}  // extern "C"
