// What people are told about direct uploads.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "services/api/domain/image.h"
#include "services/api/domain/principal.h"
#include "services/api/domain/upload_store.h"
#include "services/common/base/status.h"

namespace stockroom::api {

// Reasons with which an upload can FAIL.
inline constexpr char kDigestMismatch[] = "DIGEST_MISMATCH";
inline constexpr char kNotAnImage[] = "NOT_AN_IMAGE";

inline bool IsUploadFailure(std::string_view reason) {
  return reason == kDigestMismatch || reason == kNotAnImage;
}

// The image that an upload is to become, as its owner sees it until then.
inline Image UploadingImage(const DirectUpload& upload) {
  Image image;
  image.id = upload.id;
  image.owner = upload.owner;
  image.described = upload.described;
  image.filename = upload.filename;
  image.state = ImageState::kUploading;
  if (upload.sha256) image.sha256 = *upload.sha256;
  image.md5 = upload.md5;
  image.size_bytes = upload.size_bytes;
  image.create_time = upload.create_time;
  image.update_time = upload.create_time;
  return image;
}

// NOT_FOUND (UPLOAD_NOT_FOUND), the same whether it does not exist or is somebody else's.
inline absl::Status NoSuchUpload(std::string_view id) {
  return NotFound("UPLOAD_NOT_FOUND", "there is no upload " + std::string(id));
}

// It is the principal's, or they moderate; else NOT_FOUND.
inline absl::Status CheckMayUse(const Principal& who, const DirectUpload& upload) {
  const bool may = upload.owner == who.subject || who.scopes.Has(Scope::kModerate);
  return may ? absl::OkStatus() : NoSuchUpload(upload.id);
}

// DATA_LOSS (DIGEST_MISMATCH) or INVALID_ARGUMENT (NOT_AN_IMAGE).
inline absl::Status UploadFailure(std::string_view reason) {
  if (reason == kNotAnImage) {
    return InvalidArgument(kNotAnImage,
                           "the bytes are not an image that Stockroom reads (JPEG, PNG, WebP, GIF, "
                           "TIFF, AVIF, HEIC or JPEG XL)");
  }
  return MakeStatus(absl::StatusCode::kDataLoss,
                    "the bytes that arrived are not those that were announced; upload them anew",
                    {.reason = std::string(reason)});
}

inline absl::Status UploadExpired() {
  return MakeStatus(absl::StatusCode::kFailedPrecondition,
                    "the upload was not complete when it expired; begin anew",
                    {.reason = "UPLOAD_EXPIRED"});
}

// What completing one is told that ended without an image: FAILED_PRECONDITION (UPLOAD_ABORTED,
// UPLOAD_EXPIRED), or the error that it FAILED with. OK for others.
inline absl::Status UploadEnded(const DirectUpload& upload) {
  switch (upload.state) {
    case UploadState::kFailed:
      return UploadFailure(upload.failure);
    case UploadState::kAborted:
      return MakeStatus(absl::StatusCode::kFailedPrecondition, "the upload was given up",
                        {.reason = "UPLOAD_ABORTED"});
    case UploadState::kExpired:
      return UploadExpired();
    case UploadState::kOpen:
    case UploadState::kCompleted:
      break;
  }
  return absl::OkStatus();
}

}  // namespace stockroom::api
