// Files that survive a power cut, for backups.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/common/base/digest.h"

namespace stockroom::cli {

// A file being written, which nobody sees before Publish. Destroying it leaves nothing.
class DurableFile {
 public:
  // ALREADY_EXISTS and others of ErrnoStatus.
  static absl::StatusOr<std::unique_ptr<DurableFile>> Create(const std::string& temporary);
  ~DurableFile();
  DurableFile(const DurableFile&) = delete;
  DurableFile& operator=(const DurableFile&) = delete;

  absl::Status Append(std::string_view bytes);
  int64_t size() const { return size_; }
  // Syncs the bytes, and gives the file its name; SyncFolder of its folder makes that durable, too.
  // Call once. What there was of that name is replaced.
  absl::Status Publish(const std::string& path);

 private:
  DurableFile(int fd, std::string temporary) : fd_(fd), temporary_(std::move(temporary)) {}

  int fd_;
  std::string temporary_;  // empty once it has its name
  int64_t size_ = 0;
};

absl::Status SyncFolder(const std::string& path);
// With its parents, all that it makes durable. OK if it is there, and then it syncs nothing: the
// one that made it may have died before it did.
absl::Status MakeFolder(const std::string& path);
// Names in it, sorted. NOT_FOUND.
absl::StatusOr<std::vector<std::string>> ListFolder(const std::string& path);
// Length of a regular file. NOT_FOUND.
absl::StatusOr<int64_t> FileBytes(const std::string& path);
// Whether anything has this name. An error (EIO, EACCES) says neither yes nor no.
absl::StatusOr<bool> Exists(const std::string& path);
absl::Status RemoveFile(const std::string& path);

// A file being read.
class ReadableFile {
 public:
  // NOT_FOUND.
  static absl::StatusOr<std::unique_ptr<ReadableFile>> Open(const std::string& path);
  ~ReadableFile();
  ReadableFile(const ReadableFile&) = delete;
  ReadableFile& operator=(const ReadableFile&) = delete;

  // At most `size` bytes from where the last call ended; fewer only at the end.
  absl::StatusOr<std::string> Next(size_t size);

 private:
  ReadableFile(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}

  const int fd_;
  const std::string path_;
};

// SHA-256 of a whole file.
absl::StatusOr<Digest> DigestOfFile(const std::string& path);

// Held until destroyed. FAILED_PRECONDITION (BACKUP_IN_USE): another process has it.
class FolderLock {
 public:
  static absl::StatusOr<std::unique_ptr<FolderLock>> Take(const std::string& path);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  explicit FolderLock(int fd) : fd_(fd) {}
  const int fd_;
};

}  // namespace stockroom::cli
