#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/api/auth/key_source.h"
#include "services/common/base/status.h"

namespace stockroom::api {
namespace {

// What changes when a file is replaced or written to.
using Stamp = std::tuple<dev_t, ino_t, off_t, int64_t, int64_t, int64_t, int64_t>;

Stamp StampOf(const struct stat& s) {
  return {s.st_dev,          s.st_ino,         s.st_size,        s.st_mtim.tv_sec,
          s.st_mtim.tv_nsec, s.st_ctim.tv_sec, s.st_ctim.tv_nsec};
}

struct Closer {
  int fd;
  ~Closer() { ::close(fd); }
};

class KeyFile {
 public:
  KeyFile(std::string path, JwksFileOptions options) : path_(std::move(path)), options_(options) {}

  absl::StatusOr<FetchedKeys> Look(const JwkSetPtr& last) {
    // Opened without waiting: a pipe under that name must not hang the thread.
    const int fd = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return ErrnoStatus(errno, path_);
    const Closer closer{fd};
    struct stat status {};
    if (::fstat(fd, &status) != 0) return ErrnoStatus(errno, path_);
    if (!S_ISREG(status.st_mode)) return InvalidArgument("BAD_JWKS", path_ + " is not a file");
    const Stamp stamp = StampOf(status);
    if (last != nullptr && stamp == stamp_) return FetchedKeys{last, options_.interval};
    SR_ASSIGN_OR_RETURN(const std::string text, Read(fd));
    absl::StatusOr<JwkSet> keys = text.find("-----BEGIN ") != text.npos
                                      ? JwkSet::ParsePem(text, options_.keys)
                                      : JwkSet::Parse(text, options_.keys);
    if (!keys.ok()) return Annotate(keys.status(), path_);
    stamp_ = stamp;
    return FetchedKeys{std::make_shared<const JwkSet>(*std::move(keys)), options_.interval};
  }

 private:
  absl::StatusOr<std::string> Read(int fd) const {
    std::string text;
    char piece[4096];
    while (text.size() <= options_.keys.max_bytes) {
      const ssize_t count = ::read(fd, piece, sizeof piece);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return ErrnoStatus(errno, path_);
      if (count == 0) return text;
      text.append(piece, static_cast<size_t>(count));
    }
    return InvalidArgument("BAD_JWKS",
                           absl::StrCat(path_, " is over ", options_.keys.max_bytes, " bytes"));
  }

  const std::string path_;
  const JwksFileOptions options_;
  Stamp stamp_{};
};

}  // namespace

JwksSource::Fetch FetchFromFile(std::string path, JwksFileOptions options) {
  // Interval by interval, although a source looks a little before what it has is stale.
  options.interval = options.interval / 0.8;
  const auto file = std::make_shared<KeyFile>(std::move(path), options);
  return [file](const JwkSetPtr& last, const std::function<bool()>&) { return file->Look(last); };
}

}  // namespace stockroom::api
