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
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "services/common/blobs/blob_types.h"
#include "services/fileserver/store/blob_backend.h"
#include "services/fileserver/store/env.h"

namespace stockroom::fileserver {

// Thread-safe.
class LocalDisk final : public BlobBackend {
 public:
  struct Options {
    std::string directory;
    // Uploads are refused when fewer bytes than this are free.
    int64_t reserve_bytes = int64_t{1} << 30;
  };

  // Makes and syncs the directories, removes what a crash left in tmp/, and tries a write.
  // FAILED_PRECONDITION if another process uses the directory or the filesystem lacks what is
  // needed.
  static absl::StatusOr<std::unique_ptr<LocalDisk>> Open(Env& env, const Options& options);

  absl::StatusOr<std::unique_ptr<BlobSink>> CreateBlob() override;
  absl::StatusOr<std::unique_ptr<BlobSource>> OpenBlob(const Digest& digest) override;
  absl::StatusOr<std::unique_ptr<RenditionSink>> CreateRendition(
      const RenditionAddress& address) override;
  absl::StatusOr<std::unique_ptr<RenditionSource>> OpenRendition(
      const RenditionAddress& address) override;
  absl::Status RemoveRendition(const RenditionAddress& address) override;
  absl::StatusOr<int> RemoveRenditions(const Digest& original) override;
  absl::Status CheckWritable() override;

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
  std::atomic<uint64_t> next_temporary_{1};
};

}  // namespace stockroom::fileserver
