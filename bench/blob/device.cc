#include "bench/blob/device.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "services/common/base/random.h"

namespace stockroom::bench {
namespace {

constexpr int kFolders = 256;
constexpr size_t kFooterBytes = 80;
constexpr size_t kMostBytes = size_t{1} << 20;

int OrDie(int result, const char* what) {
  if (result >= 0) return result;
  std::perror(what);
  std::exit(1);
}

void Write(int fd, const char* bytes, size_t size) {
  if (::write(fd, bytes, size) != static_cast<ssize_t>(size)) OrDie(-1, "write");
}

std::string Folder(const std::string& directory, uint64_t number) {
  return absl::StrFormat("%s/%02x", directory, number % kFolders);
}

}  // namespace

DevicePuts::DevicePuts(std::string directory) : directory_(std::move(directory)) {
  ::mkdir(directory_.c_str(), 0750);
  for (int i = 0; i < kFolders; ++i) ::mkdir(Folder(directory_, i).c_str(), 0750);
}

void DevicePuts::Put(size_t size) {
  static const std::string* const bytes = new std::string(RandomBytes(kMostBytes));
  static std::atomic<uint64_t> next{0};
  const uint64_t number = next++;
  const std::string folder = Folder(directory_, number * 97);
  const int file =
      OrDie(::open(directory_.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0640), "open(O_TMPFILE)");
  Write(file, bytes->data(), size);
  Write(file, bytes->data(), kFooterBytes);
  OrDie(::fdatasync(file), "fdatasync");
  OrDie(::linkat(AT_FDCWD, absl::StrCat("/proc/self/fd/", file).c_str(), AT_FDCWD,
                 absl::StrCat(folder, "/", number).c_str(), AT_SYMLINK_FOLLOW),
        "linkat");
  const int names = OrDie(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC), "open");
  OrDie(::fsync(names), "fsync");
  ::close(names);
  ::close(file);
}

}  // namespace stockroom::bench
