// What was sent and acknowledged, so that a second run does not send it again.
//
// A SQLite file, by default ~/.cache/stockroom/uploads.db. A file counts as sent when path, size
// and time of change are those of an acknowledged upload to the same server; bytes count as sent
// when their digest is. It is a hint about the past: whether the server still has an image is asked
// of the server. Losing the journal costs time and nothing else.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/common/base/digest.h"

struct sqlite3;

namespace stockroom::cli {

// A file as it was when its bytes were read.
struct FileStamp {
  std::string path;  // absolute
  int64_t size = 0;
  int64_t mtime_ns = 0;
};

struct SentFile {
  Digest sha256;
  std::string image_id;
};

// Thread-safe; several processes may share a journal.
class Journal {
 public:
  virtual ~Journal() = default;
  virtual absl::StatusOr<std::optional<SentFile>> FindFile(const FileStamp& file) = 0;
  virtual absl::StatusOr<std::optional<SentFile>> FindDigest(const Digest& sha256) = 0;
  // Only after the server has acknowledged the upload.
  virtual absl::Status Record(const FileStamp& file, const SentFile& sent) = 0;
  // The server does not have this image any more.
  virtual absl::Status Forget(const std::string& image_id) = 0;
};

// `server` separates the entries of different servers and accounts. Creates the file and the
// folders above it, for this user only. FAILED_PRECONDITION: the file is not a journal;
// PERMISSION_DENIED, RESOURCE_EXHAUSTED: it can not be written.
absl::StatusOr<std::unique_ptr<Journal>> OpenJournal(const std::string& path,
                                                     const std::string& server);

// Remembers nothing.
std::unique_ptr<Journal> NoJournal();

}  // namespace stockroom::cli
