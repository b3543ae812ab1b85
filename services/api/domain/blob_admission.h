// The commit side of an upload: how a row gets to its blob before the collector does.
//
// The file server deletes a blob that has not been touched for `grace` when it was listed, is in no
// row that was committed before the question (which comes after the listing), and has not been
// touched since the listing. So a row is in time if it was committed within `grace` of a touch; and
// if a touch succeeds after the row was committed, whatever was listed before is not deleted, and
// whoever lists later sees the row.
#pragma once

#include <functional>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/api/domain/metadata_store.h"
#include "services/common/base/call_context.h"
#include "services/common/base/clock.h"
#include "services/common/blobs/blob_client.h"

namespace stockroom::api {

// Must be the same for every api of a database and longer than any upload lasts.
inline constexpr absl::Duration kDefaultGrace = absl::Hours(24);

// Reason of the error of an upload whose bytes were collected before its row was committed.
inline constexpr char kBlobCollected[] = "BLOB_COLLECTED";

struct Admission {
  // When the blob was put: `steady` before its PutBlob was finished, so never later than the touch.
  absl::Duration put_time;
  // The collector's.
  absl::Duration grace = kDefaultGrace;
  std::function<absl::Duration()> steady = BootTimeNow;
};

// Commits the row of a blob that is durable. Touches the blob before, if grace/2 has passed since
// it was put, and after, if the commit itself took so long: half, because a touch is measured by
// another clock and takes its time. Blocks; call it from an executor.
//
// UNAVAILABLE (BLOB_COLLECTED): nothing refers to the image, send it again. Else the errors of
// CreateImage and TouchBlob; the row may then exist, also without its blob, as after a crash right
// after a commit that took half the grace period: an upload of the same bytes heals it.
absl::StatusOr<CreatedImage> AdmitBlob(const CallContext& context, MetadataStore& store,
                                       BlobClient& blobs, Clock& clock, const Admission& admission,
                                       const NewImage& image);

}  // namespace stockroom::api
