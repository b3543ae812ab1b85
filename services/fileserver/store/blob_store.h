// Originals: limits, hashing and verification over a BlobBackend.
#pragma once

#include <memory>
#include <string>

#include "services/common/base/executor.h"
#include "services/common/base/metrics.h"
#include "services/fileserver/store/blob_backend.h"
#include "services/fileserver/store/slots.h"
#include "services/fileserver/store/transfer.h"

namespace stockroom::fileserver {

using BlobUpload = Upload<StoredBlob>;
using BlobDownload = Download<BlobInfo>;

// Thread-safe; every method blocks; outlives its uploads and downloads.
// Metrics: stockroom_fileserver_blob_commit_seconds, _blob_bytes_stored_total,
// _blobs_deduplicated_total, _blobs_damaged_total, _blobs_touched_total, _blobs_collected_total,
// _blobs_collect_refused_total.
class BlobStore {
 public:
  struct Options {
    int64_t max_blob_bytes = int64_t{1} << 30;
    int64_t max_uploads = 128;
    int64_t max_downloads = 512;
    int64_t max_listings = 4;
    // A collector that asks for younger blobs than this is misconfigured, and refused.
    absl::Duration min_untouched = absl::Hours(1);
    // Where long uploads are hashed (content_hasher.h). Null: by the thread that brings the bytes.
    // Outlives the store.
    Executor* hashing = nullptr;
  };
  BlobStore(BlobBackend& backend, const Options& options, Metrics& metrics);

  // RESOURCE_EXHAUSTED (uploads, disk space), UNAVAILABLE. Finish of the upload: DATA_LOSS when the
  // digest differs from the expected one, INVALID_ARGUMENT when it is empty.
  absl::StatusOr<std::unique_ptr<BlobUpload>> Put(const PutBlobOptions& options);

  // Verified while it is read, see Download. NOT_FOUND, OUT_OF_RANGE, DATA_LOSS.
  absl::StatusOr<std::unique_ptr<BlobDownload>> Get(const Digest& digest, ByteRange range);

  // For those who read for themselves: nothing is verified, and no slot taken. NOT_FOUND,
  // DATA_LOSS.
  absl::StatusOr<std::unique_ptr<BlobSource>> Open(const Digest& digest);

  // NOT_FOUND, DATA_LOSS.
  absl::StatusOr<BlobInfo> Stat(const Digest& digest);

  // As in blobs.proto. INVALID_ARGUMENT; RESOURCE_EXHAUSTED (listings).
  absl::StatusOr<BlobPage> List(const ListBlobsOptions& options);
  // NOT_FOUND.
  absl::Status Touch(const Digest& digest);
  // Whether it was deleted. INVALID_ARGUMENT (stamp).
  absl::StatusOr<bool> DeleteIfUntouched(const Digest& digest, const std::string& stamp);

 private:
  class UploadImpl;

  BlobBackend& backend_;
  const Options options_;
  Slots uploads_;
  Slots downloads_;
  Slots listings_;
  Histogram& commit_seconds_;
  Counter& bytes_stored_;
  Counter& deduplicated_;
  Counter& damaged_;
  Counter& touched_;
  Counter& collected_;
  Counter& refused_;
};

}  // namespace stockroom::fileserver
