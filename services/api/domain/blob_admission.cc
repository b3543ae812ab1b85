#include "services/api/domain/blob_admission.h"

#include "services/common/base/log.h"
#include "services/common/base/status.h"
#include "services/common/blobs/blocking.h"

namespace stockroom::api {
namespace {

// Touches after a commit are not the caller's to cancel: they decide about a row that exists.
constexpr absl::Duration kTouchTimeout = absl::Seconds(30);

absl::Status Collected() {
  return MakeStatus(absl::StatusCode::kUnavailable,
                    "storing the image took so long that its bytes were collected; send it again",
                    {.reason = kBlobCollected,
                     .metadata = {},
                     .violations = {},
                     .retry_after = absl::Milliseconds(100)});
}

CallContext OwnContext(const CallContext& context) {
  CallContext own = CallContext::WithTimeout(kTouchTimeout);
  own.request_id = context.request_id;
  own.trace = context.trace;
  return own;
}

// Deletes a row whose blob is gone. The touch that decides it runs inside the deletion's
// transaction: who puts the same bytes before it makes it succeed and the row stays; who puts them
// after it asks for duplicates after this transaction, and does not find the row. Otherwise an
// upload that found this row could be acknowledged while the row is taken away. OK: the row stays,
// its blob is there.
absl::Status DeleteUnlessBlobIsThere(const CallContext& context, MetadataStore& store,
                                     BlobClient& blobs, absl::Time now, const NewImage& image) {
  absl::Status touched;
  const absl::StatusOr<ChangedImage> deleted =
      store.DeleteImage(image.id, now, [&](const Image& current) -> absl::Status {
        touched = TouchBlob(blobs, context, current.sha256);
        if (absl::IsNotFound(touched)) return absl::OkStatus();
        return touched.ok() ? absl::AbortedError("the blob is there") : touched;
      });
  if (deleted.ok()) {
    LogWarning("an image was taken back: its bytes were collected before it was committed",
               {{"image", image.id}, {"digest", image.sha256.hex()}}, context.request_id);
    return Collected();
  }
  // Somebody else deleted it; nothing is left to refer to the blob.
  if (absl::IsNotFound(deleted.status())) return Collected();
  return touched.ok() && absl::IsAborted(deleted.status()) ? absl::OkStatus() : deleted.status();
}

}  // namespace

absl::StatusOr<CreatedImage> AdmitBlob(const CallContext& context, MetadataStore& store,
                                       BlobClient& blobs, Clock& clock, const Admission& admission,
                                       const NewImage& image) {
  absl::Duration touched = admission.put_time;
  const auto late = [&] { return admission.steady() - touched > admission.grace / 2; };
  if (late()) {
    touched = admission.steady();
    const absl::Status there = TouchBlob(blobs, context, image.sha256);
    if (absl::IsNotFound(there)) return Collected();
    if (!there.ok()) return there;
  }
  absl::StatusOr<CreatedImage> created = store.CreateImage(image, clock.Now());
  if (!late()) return created;
  const CallContext own = OwnContext(context);
  if (!created.ok()) {
    // It may have been committed nevertheless.
    if (absl::IsUnavailable(created.status()) || absl::IsUnknown(created.status())) {
      DeleteUnlessBlobIsThere(own, store, blobs, clock.Now(), image).IgnoreError();
    }
    return created;
  }
  const absl::Status there = TouchBlob(blobs, own, image.sha256);
  if (!there.ok() && !absl::IsNotFound(there)) return there;
  if (there.ok()) {
    if (!created->deduplicated) return created;
    // The row may have been taken back before somebody put the bytes again. If it is there after
    // the touch, it stays: its uploader's touch finds the blob, too.
    const absl::StatusOr<Image> found = store.GetImage(created->image.id);
    if (absl::IsNotFound(found.status())) return Collected();
    if (!found.ok()) return found.status();
    return created;
  }
  // A row that was found is somebody else's: its uploader answers for it, or a deletion was faster.
  if (created->deduplicated) return Collected();
  SR_RETURN_IF_ERROR(DeleteUnlessBlobIsThere(own, store, blobs, clock.Now(), image));
  return created;
}

}  // namespace stockroom::api
