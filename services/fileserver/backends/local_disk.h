// BlobBackend on one directory of a local filesystem (ext4, xfs: it needs O_TMPFILE and linkat).
//
//   LOCK                              held for as long as the process lives
//   blobs/<aa>/<sha256>               payload + footer (footer.h); linked here only once synced
//   renditions/<aa>/<sha256>/<key>    payload + footer; renamed into place, never synced
//   tmp/                              renditions being written; emptied at start
//
// <aa> are the first two digits of the digest. How a blob becomes durable: its bytes go into a
// nameless file; then fdatasync, exactly once (a second one after an error would lie); linkat to
// its name; fsync of the directory, also when the name was there already, because whoever linked it
// may not have synced it yet; then the answer.
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

#include "services/common/base/clock.h"
#include "services/common/base/mutex.h"
#include "services/common/blobs/blob_types.h"
#include "services/fileserver/store/blob_backend.h"
#include "services/fileserver/store/env.h"
#include "services/fileserver/store/touch_clock.h"

namespace stockroom::fileserver {

// Thread-safe.
class LocalDisk final : public BlobBackend {
 public:
  struct Options {
    std::string directory;
    // Uploads are refused when fewer bytes than this are free.
    int64_t reserve_bytes = int64_t{1} << 30;
    // Of touches. Not null.
    Clock* clock = &Clock::Real();
    std::function<absl::Duration()> steady = SteadyNow;
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

 private:
  class LocalBlobSink;
  class LocalRenditionSink;

  LocalDisk(Env& env, const Options& options, std::unique_ptr<FileLock> lock);

  absl::Status Prepare();
  absl::Status TryLinking();
  // RESOURCE_EXHAUSTED when the reserve is reached.
  absl::Status CheckSpace();
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
  // DATA_LOSS if a blob that is there can not be read back. An upload is the one chance to repair
  // it, and claiming to hold bytes that have rotted would lose them.
  absl::Status CheckIntact(const Digest& digest);
  absl::Status Replace(File& file, const Digest& digest);

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
  const std::unique_ptr<FileLock> lock_;
  TouchClock clock_;
  static constexpr size_t kLocks = 256;
  std::array<Mutex, kLocks> locks_;
  std::atomic<uint64_t> next_temporary_{1};
};

}  // namespace stockroom::fileserver
