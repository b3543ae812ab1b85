// Between the domain's nouns and the public messages.
#pragma once

#include <google/protobuf/timestamp.pb.h>

#include <map>
#include <set>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "services/api/domain/catalog.h"
#include "services/api/domain/direct_uploads.h"
#include "services/api/domain/image.h"
#include "services/api/domain/reprocessing.h"
#include "services/api/domain/uploads.h"
#include "stockroom/v1/images.pb.h"
#include "stockroom/v1/uploads.pb.h"

namespace stockroom::api {

// The nearest that a message can hold: the years 1 to 9999.
google::protobuf::Timestamp ToTimestamp(absl::Time time);
// INVALID_ARGUMENT about `field`: over gRPC a timestamp may hold anything.
absl::StatusOr<absl::Time> TimeOf(std::string_view field, const google::protobuf::Timestamp& time);

// `view`: FULL, or BASIC for everything but the analysis.
void ToMessage(const Image& image, v1::ImageView view, v1::Image* out);

// In base64, "" if there is none.
std::string ThumbHashOf(const std::map<std::string, std::string>& analysis);

// INVALID_ARGUMENT names the field.
absl::StatusOr<UploadRequest> FromHeader(const v1::UploadHeader& header);
absl::StatusOr<AnnounceRequest> FromMessage(const v1::CreateUploadRequest& request);
absl::StatusOr<CompleteRequest> FromMessage(const v1::CompleteUploadRequest& request);
absl::StatusOr<Description> DescriptionOf(const v1::Image& image);
// The fields an update replaces: those of the mask, or without one those that are set in `image`.
absl::StatusOr<std::set<DescribedField>> FieldsToUpdate(const v1::UpdateImageRequest& request);
absl::StatusOr<ReprocessRequest> ReprocessRequestOf(const v1::ReprocessImagesRequest& request);

}  // namespace stockroom::api
