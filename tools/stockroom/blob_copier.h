// Every original of one file server to another: verified, at most so many at once and so fast.
//
// Keeps no place of its own: what the other one holds is the place. Both are listed, in the order
// of digests, and what is there with the same length is not sent again. It is touched instead, if
// it was touched at its source within Options::touch_newer or nobody knows when: an upload may be
// under way whose row is not committed, and only a touch keeps the other one's collector from
// deleting what it needs (docs/adr/012).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/common/base/cancellation.h"
#include "services/common/blobs/blob_client.h"
#include "services/common/blobs/care_client.h"

namespace stockroom::cli {

struct BlobServer {
  BlobClient& blobs;
  CareClient& care;
};

struct BlobCopyCounts {
  int64_t seen = 0;  // at the source
  int64_t seen_bytes = 0;
  int64_t copied = 0;
  int64_t copied_bytes = 0;
  int64_t present = 0;  // there before
  int64_t touched = 0;  // of these
  int64_t gone = 0;     // collected at the source meanwhile
  int64_t failed = 0;
};

struct BlobCopyOptions {
  // Copies at once; each holds a few chunks of 256 KiB.
  int jobs = 4;
  // Of all of them together; 0: no limit.
  int64_t bytes_per_second = 0;
  // Longer than half of the collector's grace period, with room for clocks that differ.
  absl::Duration touch_newer = absl::Hours(48);
  // How long one call is tried while a server is away or busy.
  absl::Duration patience = absl::Minutes(2);
  std::function<absl::Time()> now = absl::Now;
  // From any thread, one at a time: an original that could not be copied, and how far it is.
  std::function<void(const Digest&, const absl::Status&)> failed;
  std::function<void(const BlobCopyCounts&)> progress;
};

// Returns once all is done; failures of single originals are counted, and do not end it. Errors:
// the source can not be listed; CANCELLED.
absl::StatusOr<BlobCopyCounts> CopyBlobs(BlobServer from, BlobServer to,
                                         const BlobCopyOptions& options,
                                         std::shared_ptr<Cancellation> stop);

}  // namespace stockroom::cli
