#include "services/fileserver/backends/directory_syncs.h"

#include <utility>

#include "absl/time/clock.h"
#include "services/common/base/log.h"
#include "services/common/base/status.h"

namespace stockroom::fileserver {

DirectorySyncs::DirectorySyncs(Env& env, Metrics& metrics)
    : env_(env),
      seconds_(metrics.GetHistogram("stockroom_fileserver_sync_seconds",
                                    "Syncs of blobs' bytes and of their directories.",
                                    Histogram::LatencyBounds(), {{"what", "directory"}})),
      callers_(metrics.GetHistogram("stockroom_fileserver_directory_sync_callers",
                                    "How many commits and deletions shared a directory's sync.",
                                    {1, 2, 4, 8, 16, 32, 64, 128})),
      waiting_(metrics.GetGauge("stockroom_fileserver_directory_sync_waiting",
                                "Commits and deletions that wait for a directory's sync now.")) {}

absl::Status DirectorySyncs::Sync(const std::string& path) {
  MutexLock lock(mu_);
  Directory& directory = directories_[path];
  ++directory.callers;
  if (!directory.next) directory.next = std::make_shared<Round>();
  const std::shared_ptr<Round> round = directory.next;
  ++round->callers;
  waiting_.Add(1);
  while (!round->ended) {
    if (directory.syncing) {
      directory.round_ended.Wait(mu_);
    } else {
      directory.next.reset();
      Run(path, directory, *round);
    }
  }
  waiting_.Add(-1);
  if (--directory.callers == 0) directories_.erase(path);
  return round->result;
}

absl::Status DirectorySyncs::broken() const {
  MutexLock lock(mu_);
  return broken_;
}

void DirectorySyncs::Run(const std::string& path, Directory& directory, Round& round) {
  if (!broken_.ok()) {
    round.result = broken_;
    round.ended = true;
    directory.round_ended.NotifyAll();
    return;
  }
  directory.syncing = true;
  mu_.Unlock();
  const absl::Time start = absl::Now();
  absl::Status result = env_.SyncDirectory(path);
  seconds_.Observe(absl::ToDoubleSeconds(absl::Now() - start));
  mu_.Lock();
  callers_.Observe(round.callers);
  if (DetailsOf(result).reason == kSyncFailed && broken_.ok()) {
    LogError("names may be lost: nothing is stored any more before a restart", {{"error", result}});
    broken_ = Annotate(result,
                       "nothing is stored before the file server is started anew, on a "
                       "disk that is well");
  }
  directory.syncing = false;
  round.result = std::move(result);
  round.ended = true;
  directory.round_ended.NotifyAll();
}

}  // namespace stockroom::fileserver
