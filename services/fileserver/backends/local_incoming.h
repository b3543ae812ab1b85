// IncomingBackend on a folder of the local disk.
//
//   incoming/<id>/record             written and synced before the incoming can be seen
//   incoming/<id>/bytes-<size>-<crc> what has arrived; the name says how much of it was synced, and
//                                    the CRC-32C of that (8 hex digits)
//   incoming/<id>/note               once there is one
//   incoming/_<number>/              being made or being removed; emptied at start
//
// Why the file's name says it: after a power cut a file may be longer than what was synced, and
// what is behind that may be zeros or anything (ext4 and xfs may make a length durable before the
// bytes). So nobody trusts a length. Sync is fdatasync (once per descriptor: after an error it
// would lie), then a rename to the new size, then the sync of the directory; a power cut leaves the
// old name or the new one, and each is true. What is behind the size is cut off before anything is
// appended. Going back works the other way round: first the name, durably, then the cut, so that
// the name never promises bytes that have been overwritten.
//
// An incoming appears by the rename of its whole directory, and goes the same way.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "services/common/base/metrics.h"
#include "services/common/base/mutex.h"
#include "services/fileserver/backends/directory_syncs.h"
#include "services/fileserver/store/env.h"
#include "services/fileserver/store/incoming_backend.h"

namespace stockroom::fileserver {

// Thread-safe. Exclusive sinks are a matter of this object: no other process may use the folder,
// which LocalDisk's lock on the data directory sees to.
class LocalIncoming final : public IncomingBackend {
 public:
  struct Options {
    // There already, and locked by this process.
    std::string data_dir;
    // Nothing is made or appended when fewer bytes than this are free.
    int64_t reserve_bytes = int64_t{1} << 30;
    // Those of the disk, which outlive this: when one of its names may be lost nothing is promised
    // here either. Null: its own.
    DirectorySyncs* syncs = nullptr;
  };
  // Makes the folder and removes what a crash left half made or half removed.
  static absl::StatusOr<std::unique_ptr<LocalIncoming>> Open(Env& env, const Options& options);

  absl::Status CreateIncoming(const std::string& id, std::string_view record) override;
  absl::StatusOr<std::unique_ptr<IncomingSource>> OpenIncoming(const std::string& id) override;
  absl::StatusOr<std::unique_ptr<IncomingSink>> AppendIncoming(const std::string& id,
                                                               int64_t offset) override;
  absl::Status NoteIncoming(const std::string& id, std::string_view note) override;
  absl::Status RemoveIncoming(const std::string& id) override;
  absl::StatusOr<std::vector<std::string>> ListIncomings(const std::string& after,
                                                         int limit) override;

 private:
  class Claim;
  class Sink;
  // What a file's name says about it.
  struct Mark {
    int64_t size = 0;
    uint32_t crc = 0;
  };

  LocalIncoming(Env& env, const Options& options);

  absl::Status Prepare();
  absl::Status CheckSpace();
  // ABORTED while somebody else has it.
  absl::StatusOr<std::unique_ptr<Claim>> Take(const std::string& id);
  absl::StatusOr<Mark> FindMark(const std::string& id);
  // Writes a new file, durable but for its name.
  absl::StatusOr<std::string> ReadFile(const std::string& path);
  absl::Status MakeFolder(const std::string& path, std::string_view record);
  absl::Status EmptyFolder(const std::string& path);

  std::string FolderOf(const std::string& id) const { return folder_ + "/" + id; }
  std::string PathOf(const std::string& id, const Mark& mark) const;
  std::string TemporaryFolder();
  Mutex& NamesOf(const std::string& id);

  Env& env_;
  const Options options_;
  const std::string folder_;
  Metrics unseen_metrics_;  // where options_.syncs is null
  const std::unique_ptr<DirectorySyncs> own_syncs_;
  DirectorySyncs& syncs_;
  std::atomic<uint64_t> next_temporary_{1};
  // Held, one of them for each id, while names are looked up or changed, so that nobody looks
  // between two of them. Nothing is synced under it. Whoever holds one takes no other lock.
  static constexpr size_t kLocks = 64;
  std::array<Mutex, kLocks> names_;
  Mutex mu_;
  std::set<std::string> claimed_ SR_GUARDED_BY(mu_);
};

}  // namespace stockroom::fileserver
