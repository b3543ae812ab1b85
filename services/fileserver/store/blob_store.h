// Originals: limits, hashing and verification over a BlobBackend.
#pragma once

#include <memory>

#include "services/common/base/metrics.h"
#include "services/fileserver/store/blob_backend.h"
#include "services/fileserver/store/slots.h"
#include "services/fileserver/store/transfer.h"

namespace stockroom::fileserver {

using BlobUpload = Upload<StoredBlob>;
using BlobDownload = Download<BlobInfo>;

// Thread-safe; every method blocks; outlives its uploads and downloads.
// Metrics: stockroom_fileserver_blob_commit_seconds, _blob_bytes_stored_total,
// _blobs_deduplicated_total, _blobs_damaged_total.
class BlobStore {
 public:
  struct Options {
    int64_t max_blob_bytes = int64_t{1} << 30;
    int64_t max_uploads = 128;
    int64_t max_downloads = 512;
  };
  BlobStore(BlobBackend& backend, const Options& options, Metrics& metrics);

  // RESOURCE_EXHAUSTED (uploads, disk space), UNAVAILABLE. Finish of the upload: DATA_LOSS when the
  // digest differs from the expected one, INVALID_ARGUMENT when it is empty.
  absl::StatusOr<std::unique_ptr<BlobUpload>> Put(const PutBlobOptions& options);

  // A whole blob is verified while it is read, a range is not. NOT_FOUND, OUT_OF_RANGE, DATA_LOSS.
  absl::StatusOr<std::unique_ptr<BlobDownload>> Get(const Digest& digest, ByteRange range);

  // NOT_FOUND, DATA_LOSS.
  absl::StatusOr<BlobInfo> Stat(const Digest& digest);

 private:
  class UploadImpl;

  BlobBackend& backend_;
  const Options options_;
  Slots uploads_;
  Slots downloads_;
  Histogram& commit_seconds_;
  Counter& bytes_stored_;
  Counter& deduplicated_;
  Counter& damaged_;
};

}  // namespace stockroom::fileserver
