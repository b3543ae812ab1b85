#include "services/api/handlers/image_handlers.h"

#include <google/protobuf/util/json_util.h>

#include <utility>

#include "services/api/handlers/add_unary.h"
#include "services/api/handlers/convert.h"
#include "services/common/base/status.h"

namespace stockroom::api {
namespace {

// An upload for front ends that only know messages.
class StreamedUpload final : public StreamedCall {
 public:
  explicit StreamedUpload(std::unique_ptr<UploadSession> session) : session_(std::move(session)) {}
  void Write(std::string chunk, absl::AnyInvocable<void(absl::Status)> done) override {
    session_->Write(std::move(chunk), std::move(done));
  }
  void Finish(absl::AnyInvocable<void(absl::StatusOr<MessagePtr>)> done) override {
    session_->Finish([done = std::move(done)](absl::StatusOr<CreatedImage> created) mutable {
      if (!created.ok()) return done(created.status());
      done(std::make_unique<v1::UploadImageResponse>(ImageHandlers::UploadAnswer(*created)));
    });
  }

 private:
  std::unique_ptr<UploadSession> session_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<UploadSession>> ImageHandlers::BeginUpload(
    const CallContext& context, const Principal& who, const v1::UploadHeader& header) {
  SR_ASSIGN_OR_RETURN(UploadRequest request, FromHeader(header));
  return uploads_.Begin(context, who, std::move(request));
}

v1::UploadImageResponse ImageHandlers::UploadAnswer(const CreatedImage& created) {
  v1::UploadImageResponse response;
  ToMessage(created.image, v1::FULL, response.mutable_image());
  response.set_deduplicated(created.deduplicated);
  response.set_feed_position(created.feed_position);
  return response;
}

absl::Status ImageHandlers::GetImage(const CallContext&, const Principal& who,
                                     const v1::GetImageRequest& request, v1::Image* response) {
  SR_ASSIGN_OR_RETURN(const Image image, catalog_.Get(who, request.id()));
  ToMessage(image, v1::FULL, response);
  return absl::OkStatus();
}

absl::Status ImageHandlers::ListImages(const CallContext&, const Principal& who,
                                       const v1::ListImagesRequest& request,
                                       v1::ListImagesResponse* response) {
  SR_ASSIGN_OR_RETURN(const ImagePage page,
                      catalog_.List(who, request.page_size(), request.page_token()));
  for (const Image& image : page.images) ToMessage(image, v1::FULL, response->add_images());
  response->set_next_page_token(page.next_page_token);
  return absl::OkStatus();
}

absl::Status ImageHandlers::UpdateImage(const CallContext&, const Principal& who,
                                        const v1::UpdateImageRequest& request,
                                        v1::Image* response) {
  SR_ASSIGN_OR_RETURN(const std::set<DescribedField> fields, FieldsToUpdate(request));
  SR_ASSIGN_OR_RETURN(const Description wanted, DescriptionOf(request.image()));
  SR_ASSIGN_OR_RETURN(const Image image,
                      catalog_.Update(who, request.image().id(), fields, wanted));
  ToMessage(image, v1::FULL, response);
  return absl::OkStatus();
}

absl::Status ImageHandlers::DeleteImage(const CallContext& context, const Principal& who,
                                        const v1::DeleteImageRequest& request,
                                        google::protobuf::Empty*) {
  return catalog_.Delete(context, who, request.id());
}

absl::Status ImageHandlers::PutAnalysis(const CallContext&, const Principal& who,
                                        const v1::PutAnalysisRequest& request,
                                        v1::Image* response) {
  std::string json;
  if (!google::protobuf::util::MessageToJsonString(request.result(), &json).ok()) {
    return InvalidField("result", "can not be written as JSON");
  }
  SR_ASSIGN_OR_RETURN(const Image image,
                      catalog_.PutAnalysis(who, request.id(), request.name(), json));
  ToMessage(image, v1::FULL, response);
  return absl::OkStatus();
}

void ImageHandlers::AddTo(MethodTable& table) {
  const auto* service = v1::Image::descriptor()->file()->FindServiceByName("ImageService");
  AddUnary<v1::GetImageRequest, v1::Image>(table, service, "GetImage", this,
                                           &ImageHandlers::GetImage);
  AddUnary<v1::ListImagesRequest, v1::ListImagesResponse>(table, service, "ListImages", this,
                                                          &ImageHandlers::ListImages);
  AddUnary<v1::UpdateImageRequest, v1::Image>(table, service, "UpdateImage", this,
                                              &ImageHandlers::UpdateImage);
  AddUnary<v1::DeleteImageRequest, google::protobuf::Empty>(table, service, "DeleteImage", this,
                                                            &ImageHandlers::DeleteImage);
  AddUnary<v1::PutAnalysisRequest, v1::Image>(table, service, "PutAnalysis", this,
                                              &ImageHandlers::PutAnalysis);
  table.Add(StreamedMethod{.descriptor = service->FindMethodByName("UploadImage"),
                           .begin = [this](const CallContext& context, const Principal& who,
                                           const google::protobuf::Message& first)
                               -> absl::StatusOr<std::unique_ptr<StreamedCall>> {
                             const auto& request =
                                 static_cast<const v1::UploadImageRequest&>(first);
                             SR_ASSIGN_OR_RETURN(std::unique_ptr<UploadSession> session,
                                                 BeginUpload(context, who, request.header()));
                             return std::make_unique<StreamedUpload>(std::move(session));
                           }});
}

}  // namespace stockroom::api
