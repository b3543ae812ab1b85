// One original from one backend to another.
#pragma once

#include <cstdint>
#include <functional>

#include "absl/status/status.h"
#include "services/common/base/digest.h"
#include "services/fileserver/store/blob_backend.h"

namespace stockroom::fileserver {

// Whose fault it was: at most one of them is an error.
struct BlobCopy {
  // DATA_LOSS: what was read is not what its digest says.
  absl::Status read;
  absl::Status written;
  int64_t bytes = 0;

  absl::Status status() const { return read.ok() ? written : read; }
};

// Reads all of `from` and verifies it by its digest before anything becomes visible in `to`.
// Blocking. CANCELLED, of `written`, once `stop` says so. Holds one chunk.
BlobCopy CopyBlob(BlobSource& from, const Digest& digest, BlobBackend& to,
                  const std::function<bool()>& stop);

// OK if all of it is there, as recorded and with the bytes that its digest names. CANCELLED.
absl::Status VerifyBlob(BlobSource& source, const Digest& digest,
                        const std::function<bool()>& stop);

}  // namespace stockroom::fileserver
