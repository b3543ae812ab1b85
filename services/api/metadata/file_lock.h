// A lock on a file that the kernel takes away when its process ends, however it ends.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace stockroom::api {

class FileLock {
 public:
  // FAILED_PRECONDITION (DATABASE_IN_USE, naming file and process) if somebody holds it.
  static absl::StatusOr<std::unique_ptr<FileLock>> Take(const std::string& path);
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  explicit FileLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace stockroom::api
