// The operating system's files as a seam, so that tests can cut the power.
//
// All methods block: call them from an executor. Paths are absolute or relative to the working
// directory. Errors are those of ErrnoStatus (base/status.h) and name the operation and the path;
// those that callers decide by are listed at each method.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace stockroom::fileserver {

// An open file. ReadAt is thread-safe, the rest is for one thread at a time.
class File {
 public:
  virtual ~File() = default;
  // Appends a prefix of `bytes` (not empty) and says how long it was, as write(2) does.
  virtual absl::StatusOr<size_t> Append(std::string_view bytes) = 0;
  // Fills `to`; fewer than `size` bytes only at the end of the file.
  virtual absl::StatusOr<size_t> ReadAt(int64_t offset, char* to, size_t size) = 0;
  virtual absl::StatusOr<int64_t> Size() = 0;
  // Cuts a file of OpenToAppend back to `size`, at most its own. Durable with the next SyncData.
  virtual absl::Status Truncate(int64_t size) = 0;
  // fdatasync. After an error the kernel may have marked the lost pages clean, so that a second
  // call would succeed without having written anything: throw the file away instead.
  virtual absl::Status SyncData() = 0;
  // Asks for what was appended to be written soon, so that SyncData has less to wait for. A hint:
  // nothing is durable by it, and errors show in SyncData.
  virtual void BeginWriteback() {}
  // Sets the time of modification. A SyncData that follows makes it durable if there are bytes to
  // sync, else it may be lost.
  virtual absl::Status SetModified(absl::Time time) = 0;
  // Nobody but this user may open it: for keys. In memory everything is private.
  virtual absl::Status MakePrivate() { return absl::OkStatus(); }
  // Of the operating system, open for as long as this; -1 where there is none.
  virtual int Descriptor() const { return -1; }
};

struct FileInfo {
  bool regular = false;  // not a directory, link or device
  int64_t size = 0;
  absl::Time modified;
  // Tells files apart that exist at the same time.
  uint64_t inode = 0;
};

// Holds a lock until destroyed.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

// Thread-safe.
class Env {
 public:
  virtual ~Env() = default;

  // A file without a name in `directory`'s filesystem (O_TMPFILE), to write and read: it vanishes
  // unless linked.
  virtual absl::StatusOr<std::unique_ptr<File>> OpenUnnamed(const std::string& directory) = 0;
  // A new file. ALREADY_EXISTS.
  virtual absl::StatusOr<std::unique_ptr<File>> Create(const std::string& path) = 0;
  // NOT_FOUND.
  virtual absl::StatusOr<std::unique_ptr<File>> OpenToRead(const std::string& path) = 0;
  // A file that is there; what is appended goes behind its end, wherever that is. NOT_FOUND.
  virtual absl::StatusOr<std::unique_ptr<File>> OpenToAppend(const std::string& path) = 0;

  // Names a file of this Env. ALREADY_EXISTS, NOT_FOUND (the directory).
  virtual absl::Status Link(File& unnamed, const std::string& path) = 0;
  // Replaces `to`. NOT_FOUND.
  virtual absl::Status Rename(const std::string& from, const std::string& to) = 0;
  // NOT_FOUND.
  virtual absl::Status Unlink(const std::string& path) = 0;
  // Sets the time of modification, which is not durable. NOT_FOUND.
  virtual absl::Status Touch(const std::string& path, absl::Time time) = 0;
  // Does not follow links. NOT_FOUND.
  virtual absl::StatusOr<FileInfo> Stat(const std::string& path) = 0;

  // What memory holds of a file and has no need to write is forgotten, so that the next read is
  // from the disk. As far as the system can; errors are none of the caller's business.
  virtual void DropCached(const std::string&) {}

  // ALREADY_EXISTS, NOT_FOUND (the parent).
  virtual absl::Status MakeDirectory(const std::string& path) = 0;
  // NOT_FOUND; FAILED_PRECONDITION when it is not empty.
  virtual absl::Status RemoveDirectory(const std::string& path) = 0;
  // Makes the names in a directory durable. NOT_FOUND; DirectorySyncFailed: what was named there
  // before may be lost, also if a second call said OK.
  virtual absl::Status SyncDirectory(const std::string& path) = 0;
  // Names in a directory, without . and .., sorted. NOT_FOUND.
  virtual absl::StatusOr<std::vector<std::string>> List(const std::string& directory) = 0;

  // What a user without privileges could still write below `directory`, in bytes.
  virtual absl::StatusOr<int64_t> FreeBytes(const std::string& directory) = 0;
  // Takes an exclusive lock on a file, which is made if missing; it ends with the process at the
  // latest. FAILED_PRECONDITION when somebody else holds it.
  virtual absl::StatusOr<std::unique_ptr<FileLock>> Lock(const std::string& path) = 0;
};

// Appends all of `bytes`, however short the single writes are.
absl::Status AppendAll(File& file, std::string_view bytes);

// A new file that holds `content`, which is on the disk when this returns OK; its name is not yet.
// ALREADY_EXISTS.
absl::Status WriteSyncedFile(Env& env, const std::string& path, std::string_view content);

// A whole file of ours. NOT_FOUND; DATA_LOSS if it is larger than `max_bytes`.
absl::StatusOr<std::string> ReadSmallFile(Env& env, const std::string& path, int64_t max_bytes);

// UNAVAILABLE (SYNC_FAILED): fsync of a directory said `error`, an errno.
inline constexpr char kSyncFailed[] = "SYNC_FAILED";
absl::Status DirectorySyncFailed(int error, const std::string& path);

// RESOURCE_EXHAUSTED (NO_SPACE) unless `reserve_bytes` are free below `directory`.
absl::Status CheckReserve(Env& env, const std::string& directory, int64_t reserve_bytes);

// MakeDirectory for a path whose existing parts are welcome.
absl::Status EnsureDirectory(Env& env, const std::string& path);

// Syncs the directory that holds the name of `path`.
absl::Status SyncParent(Env& env, const std::string& path);

}  // namespace stockroom::fileserver
