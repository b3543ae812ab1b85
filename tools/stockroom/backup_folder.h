// A folder of backups.
//
//   LOCK                          held by whoever backs up or prunes
//   blobs/<aa>/<sha256>           originals, shared by all snapshots
//   snapshots/<time>/rows         length(4, little-endian) crc32c(4) ArchivedRow, again and again
//   snapshots/<time>/manifest.json  written last: without it there is no snapshot
//   tmp/                          what is being written; emptied by the next backup
//
// A manifest is written when everything that it speaks of is on the disk, names included. Pruning
// goes the other way: manifest, then rows, then originals that no manifest's rows speak of. Before
// that it makes sure that it can read all the rows that stay.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/common/base/digest.h"
#include "stockroom/v1/store.pb.h"
#include "tools/stockroom/durable_file.h"

namespace stockroom::cli {

struct Manifest {
  std::string catalogue_id;
  int64_t feed_position = 0;
  std::string time;  // RFC 3339
  int64_t images = 0;
  int64_t other_rows = 0;
  int64_t original_bytes = 0;
  int64_t rows_bytes = 0;
  Digest rows_sha256;
  // Images that had lost their originals when this was made, and are not in the rows.
  std::vector<std::string> lost_images;
};

// With a checksum of its own.
std::string ManifestText(const Manifest& manifest);
// DATA_LOSS.
absl::StatusOr<Manifest> ParseManifest(const std::string& text);

// Appends rows to a file that nobody sees yet. The rows' own sums find what rots later.
class RowWriter {
 public:
  static absl::StatusOr<std::unique_ptr<RowWriter>> Create(const std::string& temporary);
  absl::Status Add(const v1::ArchivedRow& row);
  absl::Status Publish(const std::string& path);
  int64_t size() const { return file_->size(); }
  // Of everything. Call once, last.
  Digest FinishSha256() { return hasher_.FinishSha256(); }

 private:
  explicit RowWriter(std::unique_ptr<DurableFile> file) : file_(std::move(file)) {}
  const std::unique_ptr<DurableFile> file_;
  StreamHasher hasher_;
};

// Calls `visit` with each row; its first error ends it. DATA_LOSS: a row is damaged.
absl::Status VisitRows(const std::string& path,
                       absl::FunctionRef<absl::Status(const v1::ArchivedRow&)> visit);

// Not thread-safe.
class BackupFolder {
 public:
  // Makes the folders, durably, takes the lock, and removes what an interrupted backup left.
  static absl::StatusOr<std::unique_ptr<BackupFolder>> OpenToWrite(const std::string& path);
  // NOT_FOUND: it is no folder of backups. Changes nothing.
  static absl::StatusOr<std::unique_ptr<BackupFolder>> OpenToRead(const std::string& path);

  // Those with a manifest, the oldest first. An error if that can not be told of one: who takes it
  // for unfinished would delete what it needs.
  absl::StatusOr<std::vector<std::string>> Snapshots() const;
  // NOT_FOUND, DATA_LOSS.
  absl::StatusOr<Manifest> ReadManifest(const std::string& snapshot) const;
  // ReadManifest, and its rows are all there as they were written. Errors as above.
  absl::StatusOr<Manifest> CheckRows(const std::string& snapshot) const;
  std::string RowsPath(const std::string& snapshot) const;
  std::string BlobPath(const Digest& digest) const;
  std::string TemporaryPath(const std::string& name) const { return path_ + "/tmp/" + name; }

  // A name for a new snapshot, with its folder: the time, or one second after the latest that is
  // there, so that the order of names is that of their making whatever the clock does.
  absl::StatusOr<std::string> Begin(absl::Time now);
  // An original of this length is there. What it holds is VerifyBlob's business.
  bool HasBlob(const Digest& digest, int64_t size) const;
  // Takes over a file that was written and whose digest was checked.
  absl::Status AddBlob(DurableFile& file, const Digest& digest);
  // DATA_LOSS, NOT_FOUND.
  absl::Status VerifyBlob(const Digest& digest, int64_t size) const;
  // Makes the names of everything that is there durable, then writes the manifest.
  absl::Status Finish(const std::string& snapshot, const Manifest& manifest);

  struct Pruned {
    int64_t snapshots = 0;
    int64_t originals = 0;
  };
  // Keeps `newest`, which must be a snapshot, and the newest `keep` - 1 (0 or more) others. Holds
  // in memory 32 bytes for each original of these and each image of one. Removes nothing unless all
  // that stay are whole. DATA_LOSS: one is not, or `newest` is not there.
  absl::StatusOr<Pruned> Prune(int keep, const std::string& newest);

 private:
  BackupFolder(std::string path, std::unique_ptr<FolderLock> lock)
      : path_(std::move(path)), lock_(std::move(lock)) {}
  absl::Status RemoveUnfinished();
  // Originals that they need, sorted.
  absl::StatusOr<std::vector<Digest>> UsedBy(std::span<const std::string> snapshots) const;
  absl::StatusOr<int64_t> RemoveUnused(const std::vector<Digest>& used);

  const std::string path_;
  const std::unique_ptr<FolderLock> lock_;
};

}  // namespace stockroom::cli
