// Renditions: recomputable, so never synced, and therefore verified before a byte of them is
// served.
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

  // Reads and checks the whole rendition before it returns. NOT_FOUND, also when it was damaged (it
  // is then removed: whoever asked makes it anew); OUT_OF_RANGE.
  absl::StatusOr<std::unique_ptr<RenditionDownload>> Get(const RenditionAddress& address,
                                                         ByteRange range);

  // How many were removed.
  absl::StatusOr<int> RemoveAll(const Digest& original);

 private:
  class UploadImpl;

  absl::Status Verify(RenditionSource& source) const;

  BlobBackend& backend_;
  const Options options_;
  Slots uploads_;
  Slots downloads_;
  Counter& damaged_;
};

}  // namespace stockroom::fileserver
