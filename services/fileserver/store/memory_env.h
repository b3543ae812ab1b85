// Env in memory that forgets what was not synced, and fails on request. For tests.
//
// Stricter than any real filesystem: a name is durable only after SyncDirectory of its directory, a
// file's bytes only after SyncData, and after a SyncData that failed no later one on the same file
// saves anything, although it says OK (what Linux does), unless what was not synced is cut off; nor
// does one of a directory after one that ended with DirectorySyncFailed. A touch is lost unless
// bytes of the same file were synced after it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "services/common/base/mutex.h"
#include "services/fileserver/store/env.h"

namespace stockroom::fileserver {

// Thread-safe. Outlives its files and locks.
class MemoryEnv final : public Env {
 public:
  enum class Op {
    kOpenUnnamed,
    kCreate,
    kOpenToRead,
    kAppend,
    kReadAt,
    kSize,
    kSyncData,
    kLink,
    kRename,
    kUnlink,
    kTouch,
    kStat,
    kSetModified,
    kMakeDirectory,
    kRemoveDirectory,
    kSyncDirectory,
    kList,
    kFreeBytes,
    kLock,
    kOpenToAppend,
    kTruncate,
  };
  struct Call {
    Op op;
    int64_t index;  // counts all calls since construction
    std::string path;
  };
  struct Fault {
    // The call does nothing and returns this; OK is no error.
    absl::Status error;
    // kAppend takes at most this much.
    std::optional<size_t> short_write;
  };
  using FaultPlan = std::function<std::optional<Fault>(const Call&)>;

  MemoryEnv();
  ~MemoryEnv() override;

  // Asked before every call, under the Env's lock. Null: no faults.
  void SetFaults(FaultPlan plan);
  // From call `index` on everything fails until Restart.
  void CutPowerBefore(int64_t index);

  // What a power cut leaves.
  enum class Survives {
    kOnlySynced,         // names and bytes that were synced
    kNamesAndTornBytes,  // all names, and of bytes that were not synced the first half
    kNamesAndZeros,      // all names and lengths, but zeros where bytes were not synced
  };
  // Loses what a power cut would lose, frees all locks, and works again. No call may be running and
  // files of before must not be used any more.
  void Restart(Survives survives);

  int64_t calls() const;
  // Calls since construction, in order. For assertions about what was synced when.
  std::vector<Call> history() const;
  void SetFreeBytes(int64_t bytes);
  // How often a path was touched; -1 if it does not exist.
  int TouchCount(const std::string& path) const;
  // Whole content of a file, NOT_FOUND; and changing it behind everybody's back.
  absl::StatusOr<std::string> Content(const std::string& path) const;
  void Overwrite(const std::string& path, std::string content);

  absl::StatusOr<std::unique_ptr<File>> OpenUnnamed(const std::string& directory) override;
  absl::StatusOr<std::unique_ptr<File>> Create(const std::string& path) override;
  absl::StatusOr<std::unique_ptr<File>> OpenToRead(const std::string& path) override;
  absl::StatusOr<std::unique_ptr<File>> OpenToAppend(const std::string& path) override;
  absl::Status Link(File& unnamed, const std::string& path) override;
  absl::Status Rename(const std::string& from, const std::string& to) override;
  absl::Status Unlink(const std::string& path) override;
  absl::Status Touch(const std::string& path, absl::Time time) override;
  absl::StatusOr<FileInfo> Stat(const std::string& path) override;
  absl::Status MakeDirectory(const std::string& path) override;
  absl::Status RemoveDirectory(const std::string& path) override;
  absl::Status SyncDirectory(const std::string& path) override;
  absl::StatusOr<std::vector<std::string>> List(const std::string& directory) override;
  absl::StatusOr<int64_t> FreeBytes(const std::string& directory) override;
  absl::StatusOr<std::unique_ptr<FileLock>> Lock(const std::string& path) override;

 private:
  class MemoryFile;
  class MemoryLock;
  struct Node {
    bool directory = false;
    std::string bytes;
    std::string synced;        // bytes that survive
    bool sync_failed = false;  // dirty pages were dropped: no later sync helps
    int touches = 0;
    // Nobody but SetModified and Touch sets it: a file that they forgot looks old.
    absl::Time modified;
    absl::Time synced_modified;
    std::map<std::string, std::shared_ptr<Node>> entries;
    std::map<std::string, std::shared_ptr<Node>> durable;  // entries that survive
  };
  using NodePtr = std::shared_ptr<Node>;
  struct Place {
    NodePtr parent;
    std::string name;
  };

  // Counts the call and applies the plan. The fault's short_write, if any.
  absl::StatusOr<std::optional<size_t>> Enter(Op op, const std::string& path) SR_REQUIRES(mu_);
  NodePtr Find(const std::string& path) const SR_REQUIRES(mu_);
  // The directory that `path` is or would be in. NOT_FOUND.
  absl::StatusOr<Place> FindPlace(const std::string& path) const SR_REQUIRES(mu_);
  static void LoseUnsynced(Node& node, Survives survives);

  mutable Mutex mu_;
  NodePtr root_ SR_GUARDED_BY(mu_);
  FaultPlan plan_ SR_GUARDED_BY(mu_);
  std::vector<Call> history_ SR_GUARDED_BY(mu_);
  int64_t power_cut_ SR_GUARDED_BY(mu_);
  int64_t free_bytes_ SR_GUARDED_BY(mu_) = int64_t{1} << 40;
  std::map<std::string, int> locks_ SR_GUARDED_BY(mu_);
  int next_lock_ SR_GUARDED_BY(mu_) = 1;
};

}  // namespace stockroom::fileserver
