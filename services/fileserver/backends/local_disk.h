// BlobBackend on one directory of a local filesystem (ext4, xfs: it needs O_TMPFILE and linkat).
//
//   LOCK                              held for as long as the process lives
//   blobs/<aa>/<sha256>               payload + footer (footer.h); linked here only once synced
//   renditions/<aa>/<sha256>/<key>    payload + footer; renamed into place, never synced; modified
//                                     when it was last used, roughly (rendition_evictor.h)
//   quarantine/<sha256>.<us>.<why>    blobs that rotted, for people to look at
//   scrub                             where the scrub is
//   tmp/                              renditions being written; emptied at start
//
// <aa> are the first two digits of the digest. How a blob becomes durable: its bytes go into a
// nameless file; then fdatasync, exactly once (a second one after an error would lie); linkat to
// its name; fsync of the directory (directory_syncs.h), also when the name was there already,
// because whoever linked it may not have synced it yet; then the answer. Bytes that are there
// already, and whole, are touched instead, and not written a second time. Once a directory's sync
// has failed nothing is acknowledged any more, and CheckWritable says so.
//
// Collecting. A blob's touch time is its time of modification. One of kLocks mutexes, chosen by the
// digest, makes these critical sections: (link; if the name is taken, touch), (touch), (compare the
// stamp; remove the renditions; unlink), (replace a damaged blob). So an upload either finds the
// blob and its touch refuses the deletion, or finds the name free. No section reads payload or
// syncs, and whoever holds such a mutex takes no other lock of this class but TouchClock's own. The
// syncs of the directory follow outside: losing an unlink to a power cut only brings an orphan
// back.
//
// A touch is not synced. A power cut may thus make a blob look older than it is; instead of paying
// a sync for every touch, nothing is listed before the process has run for untouched_for
// (touch_clock.h), by when everybody who had touched before the cut has committed or touched again,
// and stamps of another era are refused. Renditions go before their original: a crash in between
// leaves a blob that is listed again. Renditions that arrive after their original went (a worker
// was slow) are listed by themselves.
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "services/common/base/clock.h"
#include "services/common/base/metrics.h"
#include "services/common/base/mutex.h"
#include "services/common/blobs/blob_types.h"
#include "services/fileserver/backends/directory_syncs.h"
#include "services/fileserver/backends/rendition_evictor.h"
#include "services/fileserver/store/blob_backend.h"
#include "services/fileserver/store/care_backend.h"
#include "services/fileserver/store/env.h"
#include "services/fileserver/store/touch_clock.h"

namespace stockroom::fileserver {

// Thread-safe. Metrics: stockroom_fileserver_sync_seconds{what="data"}, and those of
// DirectorySyncs.
class LocalDisk final : public BlobBackend, public CareBackend {
 public:
  struct Options {
    std::string directory;
    // Uploads are refused when fewer bytes than this are free.
    int64_t reserve_bytes = int64_t{1} << 30;
    // Of touches. Not null.
    Clock* clock = &Clock::Real();
    std::function<absl::Duration()> steady = SteadyNow;
    // Outlives the disk. Null: nobody looks.
    Metrics* metrics = nullptr;
    // What bounds the renditions; its directory, reserve and clock are those of the disk. Nothing:
    // nobody does.
    std::optional<RenditionEvictor::Options> eviction;
  };

  // Makes and syncs the directories, removes what a crash left in tmp/, and tries a write.
  // FAILED_PRECONDITION if another process uses the directory or the filesystem lacks what is
  // needed.
  static absl::StatusOr<std::unique_ptr<LocalDisk>> Open(Env& env, const Options& options);

  absl::StatusOr<std::unique_ptr<BlobSink>> CreateBlob() override;
  absl::StatusOr<std::unique_ptr<BlobSource>> OpenBlob(const Digest& digest) override;
  absl::StatusOr<BlobPage> ListBlobs(const ListBlobsOptions& options) override;
  absl::Status TouchBlob(const Digest& digest) override;
  absl::StatusOr<bool> DeleteBlobIfUntouched(const Digest& digest,
                                             const std::string& stamp) override;
  absl::StatusOr<std::unique_ptr<RenditionSink>> CreateRendition(
      const RenditionAddress& address) override;
  absl::StatusOr<std::unique_ptr<RenditionSource>> OpenRendition(
      const RenditionAddress& address) override;
  absl::Status RemoveRendition(const RenditionAddress& address) override;
  absl::StatusOr<int> RemoveRenditions(const Digest& original) override;
  absl::Status CheckWritable() override;
  // Less what is kept in reserve.
  std::optional<int64_t> FreeBytes() override;

  // For all that syncs directories of the same file system.
  DirectorySyncs& directory_syncs() { return directory_syncs_; }

  // CareBackend, in local_care.cc.
  absl::StatusOr<StoredPage> ListStored(const std::string& cursor, int limit) override;
  absl::StatusOr<std::vector<std::string>> ListRenditions(const Digest& original) override;
  absl::StatusOr<std::string> StampBlob(const Digest& digest) override;
  void DropCached(const Digest& digest) override;
  absl::StatusOr<bool> QuarantineBlob(const Digest& digest, const std::string& stamp,
                                      const std::string& why) override;
  absl::StatusOr<QuarantinedPage> ListQuarantined(const std::string& cursor, int limit) override;
  absl::StatusOr<std::string> LoadCareState() override;
  absl::Status SaveCareState(std::string_view state) override;

 private:
  class LocalBlobSink;
  class LocalRenditionSink;

  LocalDisk(Env& env, const Options& options, std::unique_ptr<FileLock> lock);

  absl::Status Prepare();
  void StartEviction();
  absl::Status TryLinking();
  // RESOURCE_EXHAUSTED when the reserve is reached.
  absl::Status CheckSpace();
  // True if the blob is there, whole, and now touched: nothing needs to be written.
  absl::StatusOr<bool> Reuse(const Digest& digest);
  // fdatasync, measured.
  absl::Status SyncData(File& file);
  // Gives a synced, nameless file its name. True if a whole blob of that name was there.
  absl::StatusOr<bool> Publish(File& file, const Digest& digest);
  // True: linked. False: it is there, and touched, so that nobody deletes it now.
  absl::StatusOr<bool> LinkOrTouch(File& file, const Digest& digest);
  // Callers hold LockOf(digest).
  absl::Status TouchLocked(const Digest& digest);
  absl::StatusOr<bool> DeleteLocked(const Digest& digest, const std::string& stamp);
  // Nothing if the blob is not to be listed.
  absl::StatusOr<std::optional<ListedBlob>> Inspect(const Digest& digest, bool has_blob,
                                                    absl::Time touched_before,
                                                    const TouchClock::Reading& reading);
  Mutex& LockOf(const Digest& digest);
  // An error if a blob can not be read back as it was written; NOT_FOUND. An upload is the one
  // chance to repair it, and claiming to hold bytes that have rotted would lose them; replacing
  // whole ones, after an error that passes, does no harm. What it reads may come from the page
  // cache: it promises that whoever reads now gets these bytes, and not that the disk holds them
  // still. Rot below pages that are in memory is found by the scrub, which drops them first; done
  // here, that would let anybody empty the cache of a popular blob by sending it again and again.
  absl::Status CheckIntact(const Digest& digest);
  absl::Status Replace(File& file, const Digest& digest);

  // A path of the quarantine that is free; callers hold LockOf(digest).
  absl::StatusOr<std::string> QuarantineName(const Digest& digest, const std::string& why);
  std::string CareStatePath() const;

  std::string TemporaryPath();
  std::string BlobShard(const Digest& digest) const;
  std::string BlobPath(const Digest& digest) const;
  std::string RenditionDirectory(const Digest& original) const;
  std::string RenditionPath(const RenditionAddress& address) const;

  Env& env_;
  const Options options_;
  const std::string blobs_;
  const std::string renditions_;
  const std::string tmp_;
  const std::string quarantine_;
  const std::unique_ptr<FileLock> lock_;
  TouchClock clock_;
  Metrics unseen_metrics_;  // where options_.metrics is null
  Histogram& data_sync_seconds_;
  DirectorySyncs directory_syncs_;
  static constexpr size_t kLocks = 256;
  std::array<Mutex, kLocks> locks_;
  std::atomic<uint64_t> next_temporary_{1};
  std::unique_ptr<RenditionEvictor> evictor_;  // may be null
};

}  // namespace stockroom::fileserver
