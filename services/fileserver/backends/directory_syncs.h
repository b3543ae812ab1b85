// Syncs of directories, shared by everybody who waits for the same one.
//
// Only syncs of the same directory are shared, and those of different ones run side by side, each
// on its caller's thread: a journalling filesystem commits all of them at once, while one thread
// that syncs one file or directory after another pays a flush of the device for each
// (docs/adr/024-the-journal-is-the-group-commit.md has the measurements).
#pragma once

#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "services/common/base/metrics.h"
#include "services/common/base/mutex.h"
#include "services/fileserver/store/env.h"

namespace stockroom::fileserver {

// Thread-safe. Holds no more than one entry for each caller, and no thread. Metrics:
// stockroom_fileserver_sync_seconds{what="directory"},
// stockroom_fileserver_directory_sync_callers (histogram), _directory_sync_waiting.
class DirectorySyncs {
 public:
  DirectorySyncs(Env& env, Metrics& metrics);

  // Makes durable whatever was linked in, or removed from, `path` before the call. A caller alone
  // does not wait; one that finds a sync under way, which may have begun too early for it, shares
  // the next one with all who come until that begins. Its error, of Env::SyncDirectory, is that of
  // each of them, and nobody tries again.
  //
  // Once one has ended with DirectorySyncFailed all that follow do, of every directory: the kernel
  // may have forgotten what it could not write and call the next sync a success, on the strength of
  // which somebody would acknowledge a name that is not on the disk (a put that is repeated finds
  // its name there). File systems with a journal stop by themselves then. Only what is read anew
  // from the disk can be trusted: until the process, with the file system, is started again.
  absl::Status Sync(const std::string& path);

  // What every Sync says from now on, OK as long as none has failed. For health checks.
  absl::Status broken() const;

 private:
  struct Round {
    int callers = 0;
    bool ended = false;
    absl::Status result;
  };
  struct Directory {
    int callers = 0;
    bool syncing = false;
    std::shared_ptr<Round> next;  // not begun; null while nobody waits
    CondVar round_ended;
  };

  // Runs `round`, which nobody can join any more.
  void Run(const std::string& path, Directory& directory, Round& round) SR_REQUIRES(mu_);

  Env& env_;
  Histogram& seconds_;
  Histogram& callers_;
  Gauge& waiting_;
  mutable Mutex mu_;
  absl::Status broken_ SR_GUARDED_BY(mu_);
  std::map<std::string, Directory> directories_ SR_GUARDED_BY(mu_);
};

}  // namespace stockroom::fileserver
