// Renditions: recomputable, so never synced, and therefore never trusted: no byte of them is served
// that was not verified.
#pragma once

#include <memory>

#include "services/common/base/metrics.h"
#include "services/fileserver/store/blob_backend.h"
#include "services/fileserver/store/slots.h"
#include "services/fileserver/store/transfer.h"

namespace stockroom::fileserver {

using RenditionUpload = Upload<RenditionInfo>;
using RenditionDownload = Download<RenditionInfo>;

// Thread-safe; every method blocks; outlives its uploads and downloads.
// Metrics: stockroom_fileserver_renditions_damaged_total.
class RenditionStore {
 public:
  struct Options {
    int64_t max_rendition_bytes = int64_t{64} << 20;
    int64_t max_uploads = 128;
    int64_t max_downloads = 512;
  };
  RenditionStore(BlobBackend& backend, const Options& options, Metrics& metrics);

  // INVALID_ARGUMENT (key), RESOURCE_EXHAUSTED, UNAVAILABLE.
  absl::StatusOr<std::unique_ptr<RenditionUpload>> Put(const RenditionAddress& address);

  // Verifies the first piece (of what was stored without sums: everything) before it returns, and
  // the others while they are read. What is damaged, or can not be read, is removed, so that
  // whoever asks next makes it anew. NOT_FOUND, also when the first piece was damaged;
  // OUT_OF_RANGE. Errors of the download: DATA_LOSS, when a later piece is.
  absl::StatusOr<std::unique_ptr<RenditionDownload>> Get(const RenditionAddress& address,
                                                         ByteRange range);

  // For those who read for themselves, so it is checked as a whole before, if it has a
  // Descriptor(); takes no slot. Errors as Get.
  absl::StatusOr<std::unique_ptr<RenditionSource>> Open(const RenditionAddress& address);

  // How many were removed.
  absl::StatusOr<int> RemoveAll(const Digest& original);

 private:
  class UploadImpl;

  static absl::Status VerifyWithoutSums(RenditionSource& source);
  static absl::Status VerifyAll(RenditionSource& source);
  // DATA_LOSS also for what the disk does not give.
  absl::StatusOr<std::unique_ptr<RenditionSource>> OpenSource(const RenditionAddress& address);
  void RemoveDamaged(const RenditionAddress& address, const absl::Status& damage);

  BlobBackend& backend_;
  const Options options_;
  Slots uploads_;
  Slots downloads_;
  Counter& damaged_;
};

}  // namespace stockroom::fileserver
