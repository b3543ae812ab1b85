#include "services/common/http/file_reads.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "services/common/base/status.h"

namespace stockroom::http {
namespace {

// Since Linux 5.2 mincore says that every page is there of files that the caller neither owns nor
// may write (mm/mincore.c, can_do_mincore). Who may write is the kernel's to know; who owns it can
// be asked.
bool IsOurs(int descriptor) {
  static const uid_t us = ::geteuid();
  struct stat file;
  return ::fstat(descriptor, &file) == 0 && file.st_uid == us;
}

}  // namespace

size_t ReadCached(int descriptor, int64_t offset, char* to, size_t size) {
  size_t done = 0;
  while (done < size) {
    const iovec into{to + done, size - done};
    const ssize_t n =
        ::preadv2(descriptor, &into, 1, offset + static_cast<off_t>(done), RWF_NOWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    done += static_cast<size_t>(n);
  }
  return done;
}

bool IsCached(int descriptor, int64_t offset, int64_t length) {
  if (length <= 0) return true;
  if (!IsOurs(descriptor)) return false;
  static const int64_t page = ::sysconf(_SC_PAGESIZE);
  const int64_t begin = offset - offset % page;
  const auto size = static_cast<size_t>(offset + length - begin);
  // Never touched, so a file that was cut can do no harm here.
  void* const mapped = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, descriptor, begin);
  if (mapped == MAP_FAILED) return false;
  std::vector<unsigned char> pages((size + static_cast<size_t>(page) - 1) /
                                   static_cast<size_t>(page));
  const bool known = ::mincore(mapped, size, pages.data()) == 0;
  ::munmap(mapped, size);
  return known && std::all_of(pages.begin(), pages.end(), [](auto state) { return state & 1; });
}

absl::StatusOr<std::string> ReadFully(int descriptor, int64_t offset, int64_t length) {
  std::string bytes(static_cast<size_t>(length), '\0');
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n = ::pread(descriptor, bytes.data() + done, bytes.size() - done,
                              offset + static_cast<off_t>(done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus(errno, "reading a file that is sent");
    if (n == 0) return absl::DataLossError("a file that is sent has become shorter");
    done += static_cast<size_t>(n);
  }
  return bytes;
}

}  // namespace stockroom::http
