// stockroom.v1.ImageService as plain functions. Errors are listed in the proto.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "services/api/domain/catalog.h"
#include "services/api/domain/reprocessing.h"
#include "services/api/domain/uploads.h"
#include "services/api/handlers/method_table.h"
#include "stockroom/v1/images.pb.h"

namespace stockroom::api {

class ImageHandlers {
 public:
  ImageHandlers(Uploads& uploads, Catalog& catalog, Reprocessing& reprocessing)
      : uploads_(uploads), catalog_(catalog), reprocessing_(reprocessing) {}

  absl::StatusOr<std::unique_ptr<UploadSession>> BeginUpload(const CallContext& context,
                                                             const Principal& who,
                                                             const v1::UploadHeader& header);
  // INTERNAL if a stored answer can not be read.
  static absl::StatusOr<v1::UploadImageResponse> UploadAnswer(const UploadResult& result);

  absl::Status GetImage(const CallContext& context, const Principal& who,
                        const v1::GetImageRequest& request, v1::Image* response);
  absl::Status ListImages(const CallContext& context, const Principal& who,
                          const v1::ListImagesRequest& request, v1::ListImagesResponse* response);
  absl::Status UpdateImage(const CallContext& context, const Principal& who,
                           const v1::UpdateImageRequest& request, v1::Image* response);
  absl::Status DeleteImage(const CallContext& context, const Principal& who,
                           const v1::DeleteImageRequest& request,
                           v1::DeleteImageResponse* response);
  absl::Status PutAnalysis(const CallContext& context, const Principal& who,
                           const v1::PutAnalysisRequest& request, v1::Image* response);

  absl::Status ReprocessImages(const CallContext& context, const Principal& who,
                               const v1::ReprocessImagesRequest& request,
                               v1::ReprocessImagesResponse* response);

  // Adds every method, for front ends that work from descriptors.
  void AddTo(MethodTable& table);

 private:
  Uploads& uploads_;
  Catalog& catalog_;
  Reprocessing& reprocessing_;
};

}  // namespace stockroom::api
