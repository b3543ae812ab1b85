// The end of a direct upload: it becomes an image, or it is over.
//
// Blob first, row last: the file server makes the blob, one transaction makes the image and ends
// the upload, then the incoming is removed. Each step may be done again, by another api too; what a
// crash leaves undone is found by the reconciler.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/api/domain/blob_admission.h"
#include "services/api/domain/metadata_store.h"
#include "services/api/domain/quotas.h"
#include "services/api/domain/upload_store.h"
#include "services/common/base/call_context.h"
#include "services/common/base/clock.h"
#include "services/common/base/metrics.h"
#include "services/common/blobs/blob_client.h"
#include "services/common/blobs/incoming_client.h"
#include "services/common/media/sniff.h"

namespace stockroom::api {

// How long the file server may take for reading, hashing and writing `bytes`: 30 s and what a slow
// disk (10 MB/s) needs.
absl::Duration CompletionTime(int64_t bytes);

// Thread-safe; blocks on the store and on the file server: call it from threads that may.
// Metric: stockroom_direct_uploads_ended_total{how}.
class UploadFinisher {
 public:
  struct Options {
    // The collector's.
    absl::Duration grace = kDefaultGrace;
    // As the workers': what is taken here, they must decode.
    SvgPolicy svg = SvgPolicy::kRefused;
    // How long an upload's end can be looked up, and a completion be repeated.
    absl::Duration keep_ended = absl::Hours(24);
    absl::Duration call_timeout = absl::Seconds(10);
    // Must outlive it. Null: owners may keep what they like.
    Quotas* quotas = nullptr;
  };
  UploadFinisher(Options options, IncomingClient& incoming, BlobClient& blobs, MetadataStore& store,
                 Clock& clock, Metrics& metrics);

  // After IncomingClient::Complete has answered `blob` about it: checks once more that these are
  // the announced bytes and an image, and makes it one. `put_time`: steady, before that call.
  // Errors: those that proto/stockroom/v1/uploads.proto lists at CompleteUpload, those of
  // AdmitBlob. After DIGEST_MISMATCH and NOT_AN_IMAGE the upload has FAILED.
  absl::StatusOr<CreatedImage> Admit(const CallContext& context, const DirectUpload& upload,
                                     absl::Duration put_time, absl::StatusOr<IncomingBlob> blob);
  // What completing one that has ended is answered.
  absl::StatusOr<CreatedImage> EndedAs(const DirectUpload& upload);
  // Ends one that is open, and frees its room. To be followed by CleanUp.
  absl::StatusOr<EndedUpload> End(const DirectUpload& upload, UploadState to,
                                  const std::string& failure = "");
  // Of one that has ended: removes what the file server has of it. Errors are left to the
  // reconciler.
  absl::Status CleanUp(const CallContext& context, const std::string& id);

 private:
  // UPLOAD_EXPIRED of one that no more can come of.
  absl::Status Incomplete(const DirectUpload& upload, int64_t received) const;
  absl::Status Explain(const CallContext& context, const DirectUpload& upload,
                       const absl::Status& error);
  absl::StatusOr<CreatedImage> Fail(const DirectUpload& upload, const char* reason);
  Counter& Ended(UploadState how);

  const Options options_;
  IncomingClient& incoming_;
  BlobClient& blobs_;
  MetadataStore& store_;
  Clock& clock_;
  Counter& completed_;
  Counter& failed_;
  Counter& aborted_;
  Counter& expired_;
};

}  // namespace stockroom::api
