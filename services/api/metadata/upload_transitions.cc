#include "services/api/metadata/upload_transitions.h"

#include "services/api/domain/upload_rules.h"
#include "services/api/metadata/transitions.h"
#include "services/common/base/status.h"

namespace stockroom::api {

absl::StatusOr<DirectUpload> StoredUpload(const DirectUpload& upload) {
  SR_RETURN_IF_ERROR(CheckStorable(UploadingImage(upload)));
  DirectUpload stored = upload;
  stored.create_time = StoredTime(upload.create_time);
  stored.expire_time = StoredTime(upload.expire_time);
  stored.check_time = StoredTime(upload.check_time);
  return stored;
}

absl::Status TooManyUploads(int max_open) {
  const std::string limit = std::to_string(max_open);
  return MakeStatus(
      absl::StatusCode::kResourceExhausted,
      "this owner has " + limit + " open uploads, which is the limit; complete or abort some",
      {.reason = "TOO_MANY_UPLOADS", .metadata = {{"limit", limit}}});
}

}  // namespace stockroom::api
