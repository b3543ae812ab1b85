// The folder of a search index, and whole files in it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace stockroom::api {

// Owns a file descriptor; -1: none.
class Fd {
 public:
  explicit Fd(int fd = -1) : fd_(fd) {}
  ~Fd();
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  // Somebody else closes it.
  int Leave() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

// Of errno: RESOURCE_EXHAUSTED (NO_SPACE for a full disk or quota; descriptors, memory),
// NOT_FOUND, else INTERNAL. Says `what` and the system's own words.
absl::Status FileError(int error, std::string_view what);
absl::Status FileDamaged(std::string_view what);

// Thread-safe: nothing in it changes.
class Folder {
 public:
  // Makes it, with its parents, if it is not there.
  static absl::StatusOr<std::shared_ptr<const Folder>> Make(const std::string& path);
  // NOT_FOUND.
  static absl::StatusOr<std::shared_ptr<const Folder>> Open(const std::string& path);

  // FAILED_PRECONDITION (FOLDER_IN_USE). Held as long as the descriptor.
  absl::StatusOr<Fd> Lock() const;

  // As openat.
  absl::StatusOr<Fd> OpenFile(const std::string& name, int flags) const;
  absl::StatusOr<std::vector<std::string>> Names() const;
  // OK if it is not there.
  absl::Status Remove(const std::string& name) const;
  // Writes, syncs and renames: under `name` is all of it or what was there before. The name itself
  // lasts once SyncNames was called.
  absl::Status Write(const std::string& name, const std::vector<std::string_view>& parts) const;
  absl::StatusOr<std::string> Read(const std::string& name, uint64_t max_bytes) const;
  absl::Status SyncNames() const;

  std::string PathOf(const std::string& name) const { return path_ + "/" + name; }

 private:
  Folder(std::string path, Fd fd) : path_(std::move(path)), fd_(std::move(fd)) {}

  const std::string path_;
  const Fd fd_;
};

// Of "PREFIX12.SUFFIX": 12. Nothing else, no leading zeros, at most 18 digits.
std::optional<uint64_t> NumberInName(std::string_view name, std::string_view prefix,
                                     std::string_view suffix);

// Reads until `size` bytes are there. DATA_LOSS: the file is shorter.
absl::Status ReadAll(int fd, char* to, uint64_t size, std::string_view what);

}  // namespace stockroom::api
