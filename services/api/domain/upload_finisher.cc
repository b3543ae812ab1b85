#include "services/api/domain/upload_finisher.h"

#include <algorithm>
#include <utility>

#include "services/api/domain/upload_rules.h"
#include "services/common/base/log.h"
#include "services/common/base/status.h"
#include "services/common/blobs/blocking.h"

namespace stockroom::api {
namespace {

// The file server has checked it. Not to be believed: what is wrong here stays wrong for ever.
bool IsAsAnnounced(const DirectUpload& upload, const BlobInfo& info) {
  return info.size == upload.size_bytes && (!upload.sha256 || *upload.sha256 == info.sha256) &&
         (upload.md5.empty() || upload.md5 == info.md5);
}

Counter& EndedCounter(Metrics& metrics, const char* how) {
  return metrics.GetCounter("stockroom_direct_uploads_ended_total",
                            "Direct uploads that ended, by how.", {{"how", how}});
}

}  // namespace

absl::Duration CompletionTime(int64_t bytes) {
  return absl::Seconds(30) + absl::Seconds(std::max<int64_t>(0, bytes) / 10'000'000);
}

UploadFinisher::UploadFinisher(Options options, IncomingClient& incoming, BlobClient& blobs,
                               MetadataStore& store, Clock& clock, Metrics& metrics)
    : options_(std::move(options)),
      incoming_(incoming),
      blobs_(blobs),
      store_(store),
      clock_(clock),
      completed_(EndedCounter(metrics, "completed")),
      failed_(EndedCounter(metrics, "failed")),
      aborted_(EndedCounter(metrics, "aborted")),
      expired_(EndedCounter(metrics, "expired")) {}

Counter& UploadFinisher::Ended(UploadState how) {
  if (how == UploadState::kFailed) return failed_;
  if (how == UploadState::kAborted) return aborted_;
  return how == UploadState::kExpired ? expired_ : completed_;
}

absl::StatusOr<CreatedImage> UploadFinisher::Admit(const CallContext& context,
                                                   const DirectUpload& upload,
                                                   absl::Duration put_time,
                                                   absl::StatusOr<IncomingBlob> blob) {
  // Removed: perhaps because another api was faster.
  if (absl::IsNotFound(blob.status())) {
    SR_ASSIGN_OR_RETURN(const DirectUpload now, store_.uploads().GetUpload(upload.id));
    if (now.state != UploadState::kOpen) return EndedAs(now);
    return Incomplete(upload, 0);
  }
  if (DetailsOf(blob.status()).reason == kDigestMismatch) return Fail(upload, kDigestMismatch);
  if (DetailsOf(blob.status()).reason == kNotAnImage) return Fail(upload, kNotAnImage);
  if (!blob.ok()) return Explain(context, upload, blob.status());
  const BlobInfo& info = blob->blob.info;
  if (!IsAsAnnounced(upload, info)) return Fail(upload, kDigestMismatch);
  if (SniffMedia(blob->head, options_.svg) == MediaKind::kUnknown) return Fail(upload, kNotAnImage);
  SR_ASSIGN_OR_RETURN(
      CreatedImage created,
      AdmitBlob(context, store_, blobs_, clock_, {.put_time = put_time, .grace = options_.grace},
                {.id = upload.id,
                 .owner = upload.owner,
                 .described = upload.described,
                 .filename = upload.filename,
                 .sha256 = info.sha256,
                 .md5 = info.md5,
                 .size_bytes = info.size,
                 .allow_duplicate = upload.allow_duplicate,
                 .request_id = context.request_id,
                 .upload = upload.id}));
  // What it had reserved is free: the image was counted before.
  if (created.deduplicated && options_.quotas != nullptr) options_.quotas->Recount(upload.owner);
  completed_.Add();
  LogInfo("direct upload completed",
          {{"upload", upload.id},
           {"image", created.image.id},
           {"bytes", info.size},
           {"deduplicated", created.deduplicated}},
          context.request_id);
  return created;
}

absl::Status UploadFinisher::Incomplete(const DirectUpload& upload, int64_t received) const {
  // The reconciler ends it, once nothing can be on its way to the disk any more.
  if (upload.expire_time <= clock_.Now()) return UploadExpired();
  return MakeStatus(
      absl::StatusCode::kFailedPrecondition,
      std::to_string(received) + " of " + std::to_string(upload.size_bytes) + " bytes have arrived",
      {.reason = "UPLOAD_INCOMPLETE", .metadata = {{"received_bytes", std::to_string(received)}}});
}

absl::Status UploadFinisher::Explain(const CallContext& context, const DirectUpload& upload,
                                     const absl::Status& error) {
  if (DetailsOf(error).reason == "INCOMING_INCOMPLETE") {
    SR_ASSIGN_OR_RETURN(const IncomingInfo info, StatIncoming(incoming_, context, upload.id));
    return Incomplete(upload, info.offset);
  }
  if (absl::IsAborted(error)) {
    return MakeStatus(absl::StatusCode::kAborted,
                      "the upload is being written or completed just now; come back shortly",
                      {.reason = "UPLOAD_BUSY",
                       .metadata = {},
                       .violations = {},
                       .retry_after = absl::Milliseconds(500)});
  }
  return error;
}

absl::StatusOr<CreatedImage> UploadFinisher::EndedAs(const DirectUpload& upload) {
  SR_RETURN_IF_ERROR(UploadEnded(upload));
  SR_ASSIGN_OR_RETURN(Image image, store_.GetImage(upload.image_id));
  CreatedImage created{std::move(image), upload.deduplicated};
  SR_ASSIGN_OR_RETURN(const MetadataStore::FeedRange feed, store_.GetFeedRange());
  created.feed_position = feed.last;
  return created;
}

absl::StatusOr<CreatedImage> UploadFinisher::Fail(const DirectUpload& upload, const char* reason) {
  SR_ASSIGN_OR_RETURN(const EndedUpload ended, End(upload, UploadState::kFailed, reason));
  return EndedAs(ended.upload);
}

absl::StatusOr<EndedUpload> UploadFinisher::End(const DirectUpload& upload, UploadState to,
                                                const std::string& failure) {
  SR_ASSIGN_OR_RETURN(EndedUpload ended,
                      store_.uploads().EndUpload(upload.id, to, failure, clock_.Now()));
  if (!ended.by_this_call) return ended;
  if (options_.quotas != nullptr) options_.quotas->Recount(upload.owner);
  Ended(to).Add();
  return ended;
}

absl::Status UploadFinisher::CleanUp(const CallContext& context, const std::string& id) {
  // Not the caller's to cancel.
  CallContext own = CallContext::WithTimeout(options_.call_timeout);
  own.request_id = context.request_id;
  own.trace = context.trace;
  SR_RETURN_IF_ERROR(RemoveIncoming(incoming_, own, id));
  return store_.uploads().NoteIncomingGone(id, clock_.Now() + options_.keep_ended);
}

}  // namespace stockroom::api
