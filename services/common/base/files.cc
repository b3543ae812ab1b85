#include "services/common/base/files.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "services/common/base/status.h"

namespace stockroom {
namespace {

constexpr int64_t kMaxSecretBytes = int64_t{64} << 10;
constexpr size_t kPiece = size_t{64} << 10;

absl::StatusOr<std::string> ReadFrom(int fd, const std::string& path, int64_t max_bytes) {
  std::string bytes;
  for (;;) {
    const size_t had = bytes.size();
    // One byte more than fits tells a file that is too long.
    const size_t room = static_cast<size_t>(max_bytes) + 1 - had;
    if (room == 0) {
      return absl::OutOfRangeError(absl::StrCat(path, " has more than ", max_bytes, " bytes"));
    }
    bytes.resize(had + std::min(room, kPiece));
    const ssize_t got = read(fd, bytes.data() + had, bytes.size() - had);
    const int error = errno;
    bytes.resize(had + static_cast<size_t>(std::max<ssize_t>(got, 0)));
    if (got == 0) return bytes;
    if (got < 0 && error != EINTR) return ErrnoStatus(error, "reading " + path);
  }
}

}  // namespace

absl::StatusOr<std::string> ReadFileAtMost(const std::string& path, int64_t max_bytes) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return ErrnoStatus(errno, "reading " + path);
  absl::StatusOr<std::string> bytes = ReadFrom(fd, path, max_bytes);
  close(fd);
  return bytes;
}

absl::StatusOr<std::string> ReadSecretFile(const std::string& path) {
  SR_ASSIGN_OR_RETURN(std::string text, ReadFileAtMost(path, kMaxSecretBytes));
  absl::StripTrailingAsciiWhitespace(&text);
  return text;
}

}  // namespace stockroom
