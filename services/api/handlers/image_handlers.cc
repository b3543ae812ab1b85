#include "services/api/handlers/image_handlers.h"

#include <google/protobuf/util/json_util.h>

#include <utility>

#include "services/api/domain/await_processed.h"
#include "services/api/handlers/add_unary.h"
#include "services/api/handlers/convert.h"
#include "services/api/handlers/fingerprint.h"
#include "services/api/handlers/serialise.h"
#include "services/common/base/status.h"

namespace stockroom::api {
namespace {

// A page ends early once it has so much: with the record that crosses the line it is still far from
// gRPC's usual 4 MiB.
constexpr size_t kPageBytes = 2 << 20;

v1::UploadImageResponse ToResponse(const CreatedImage& created) {
  v1::UploadImageResponse response;
  ToMessage(created.image, v1::FULL, response.mutable_image());
  response.set_deduplicated(created.deduplicated);
  response.set_feed_position(created.feed_position);
  return response;
}

v1::Image FullImage(const Image& image) {
  v1::Image message;
  ToMessage(image, v1::FULL, &message);
  return message;
}

absl::Status Unreadable() {
  return MakeStatus(absl::StatusCode::kInternal,
                    "the stored answer to this idempotency key can not be read",
                    {.reason = "BAD_STORED_ANSWER"});
}

// Does `write` (StatusOr<ChangedImage>(const WriteOptions&)) once for the context's idempotency key
// and fills the response by `render` (Response(const Image&)) and the feed position; or repeats the
// stored answer.
template <typename Request, typename Response, typename Render, typename Write>
absl::Status WriteOnce(Catalog& catalog, const CallContext& context, const Principal& who,
                       const Request& request, Response* response, Render render, Write write) {
  const auto answer = [render](const Image& image, bool) { return Serialise(render(image)); };
  SR_ASSIGN_OR_RETURN(KeyOutcome key,
                      catalog.HoldKey(context, who, FingerprintOf(request), answer));
  if (const auto* stored = std::get_if<StoredAnswer>(&key)) {
    return response->ParseFromString(stored->answer) ? absl::OkStatus() : Unreadable();
  }
  auto* held = std::get_if<HeldKey>(&key);
  WriteOptions options{.if_revision = request.if_revision()};
  if (held != nullptr) options.once = held->write();
  SR_ASSIGN_OR_RETURN(const ChangedImage changed, write(options));
  *response = render(changed.image);
  response->set_feed_position(changed.feed_position);
  if (held != nullptr) held->Answered(Serialise(*response));
  return absl::OkStatus();
}

// An upload for front ends that only know messages.
class StreamedUpload final : public StreamedCall {
 public:
  explicit StreamedUpload(std::unique_ptr<UploadSession> session) : session_(std::move(session)) {}
  void Write(std::string chunk, absl::AnyInvocable<void(absl::Status)> done) override {
    session_->Write(std::move(chunk), std::move(done));
  }
  void Finish(absl::AnyInvocable<void(absl::StatusOr<MessagePtr>)> done) override {
    session_->Finish([done = std::move(done)](absl::StatusOr<UploadResult> result) mutable {
      if (!result.ok()) return done(result.status());
      absl::StatusOr<v1::UploadImageResponse> response = ImageHandlers::UploadAnswer(*result);
      if (!response.ok()) return done(response.status());
      done(std::make_unique<v1::UploadImageResponse>(*std::move(response)));
    });
  }

 private:
  std::unique_ptr<UploadSession> session_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<UploadSession>> ImageHandlers::BeginUpload(
    const CallContext& context, const Principal& who, const v1::UploadHeader& header) {
  SR_ASSIGN_OR_RETURN(UploadRequest request, FromHeader(header));
  if (!context.idempotency_key.empty()) {
    SR_RETURN_IF_ERROR(CheckIdempotencyKey(context.idempotency_key));
    request.fingerprint = FingerprintOf(header).bytes();
    request.answer = [](const CreatedImage& created) { return Serialise(ToResponse(created)); };
  }
  return uploads_.Begin(context, who, std::move(request));
}

absl::StatusOr<v1::UploadImageResponse> ImageHandlers::UploadAnswer(const UploadResult& result) {
  if (result.stored_answer.empty()) return ToResponse(result);
  v1::UploadImageResponse response;
  if (!response.ParseFromString(result.stored_answer)) return Unreadable();
  const v1::Image& image = response.image();
  if (result.waited && image.state() == v1::FAILED) {
    return ProcessingFailed(image.id(), image.failure_reason());
  }
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
  response->set_next_page_token(page.next_page_token);
  size_t bytes = 0;
  for (const Image& image : page.images) {
    ToMessage(image, v1::FULL, response->add_images());
    bytes += response->images().rbegin()->ByteSizeLong();
    if (bytes > kPageBytes && &image != &page.images.back()) {
      response->set_next_page_token(Catalog::TokenAfter(image));
      break;
    }
  }
  return absl::OkStatus();
}

absl::Status ImageHandlers::UpdateImage(const CallContext& context, const Principal& who,
                                        const v1::UpdateImageRequest& request,
                                        v1::Image* response) {
  SR_ASSIGN_OR_RETURN(const std::set<DescribedField> fields, FieldsToUpdate(request));
  SR_ASSIGN_OR_RETURN(const Description wanted, DescriptionOf(request.image()));
  return WriteOnce(catalog_, context, who, request, response, FullImage,
                   [&](const WriteOptions& options) {
                     return catalog_.Update(who, request.image().id(), fields, wanted, options);
                   });
}

absl::Status ImageHandlers::DeleteImage(const CallContext& context, const Principal& who,
                                        const v1::DeleteImageRequest& request,
                                        v1::DeleteImageResponse* response) {
  const auto render = [](const Image&) { return v1::DeleteImageResponse(); };
  return WriteOnce(catalog_, context, who, request, response, render,
                   [&](const WriteOptions& options) {
                     return catalog_.Delete(context, who, request.id(), options);
                   });
}

absl::Status ImageHandlers::PutAnalysis(const CallContext& context, const Principal& who,
                                        const v1::PutAnalysisRequest& request,
                                        v1::Image* response) {
  std::string json;
  if (!google::protobuf::util::MessageToJsonString(request.result(), &json).ok()) {
    return InvalidField("result", "can not be written as JSON");
  }
  return WriteOnce(catalog_, context, who, request, response, FullImage,
                   [&](const WriteOptions& options) {
                     return catalog_.PutAnalysis(who, request.id(), request.name(), json, options);
                   });
}

absl::Status ImageHandlers::ReprocessImages(const CallContext& context, const Principal& who,
                                            const v1::ReprocessImagesRequest& request,
                                            v1::ReprocessImagesResponse* response) {
  SR_ASSIGN_OR_RETURN(const ReprocessRequest wanted, ReprocessRequestOf(request));
  SR_ASSIGN_OR_RETURN(ReprocessResult result, reprocessing_.Queue(context, who, wanted));
  response->set_queued(result.queued);
  response->set_next_page_token(std::move(result.next_page_token));
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
  AddUnary<v1::DeleteImageRequest, v1::DeleteImageResponse>(table, service, "DeleteImage", this,
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
  AddUnary<v1::ReprocessImagesRequest, v1::ReprocessImagesResponse>(
      table, service, "ReprocessImages", this, &ImageHandlers::ReprocessImages);
}

}  // namespace stockroom::api
