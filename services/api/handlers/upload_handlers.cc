#include "services/api/handlers/upload_handlers.h"

#include <memory>
#include <utility>

#include "services/api/domain/upload_rules.h"
#include "services/api/handlers/add_unary.h"
#include "services/api/handlers/convert.h"
#include "services/api/handlers/fingerprint.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"

namespace stockroom::api {
namespace {

void ToMessage(const DirectUpload& upload, v1::Upload* message) {
  message->set_id(upload.id);
  message->set_owner(upload.owner);
  message->set_state(static_cast<v1::UploadState>(upload.state));
  if (upload.state == UploadState::kFailed) {
    message->set_failure_reason(std::string(Sv(UploadFailure(upload.failure).message())));
  }
  message->set_filename(upload.filename);
  message->set_size_bytes(upload.size_bytes);
  message->set_image_id(upload.image_id);
  message->set_deduplicated(upload.deduplicated);
  *message->mutable_create_time() = ToTimestamp(upload.create_time);
  *message->mutable_expire_time() = ToTimestamp(upload.expire_time);
  if (upload.end_time) *message->mutable_end_time() = ToTimestamp(*upload.end_time);
}

// Upload and URLs, which the answers of CreateUpload and GetUpload name alike.
template <typename Response>
void ToMessage(const UploadView& view, Response* response) {
  ToMessage(view.upload, response->mutable_upload());
  response->mutable_upload()->set_received_bytes(view.received_bytes);
  if (!view.ticket) return;
  v1::UploadUrls* urls = response->mutable_urls();
  urls->set_put_url(view.ticket->put_url);
  urls->set_put_method("PUT");
  for (const auto& [name, value] : view.ticket->put_headers) {
    (*urls->mutable_put_headers())[name] = value;
  }
  urls->set_tus_url(view.ticket->tus_url);
  urls->set_tus_endpoint(view.ticket->tus_endpoint);
  *urls->mutable_expire_time() = ToTimestamp(view.upload.expire_time);
}

}  // namespace

absl::Status UploadHandlers::CheckOn() const {
  if (uploads_ != nullptr) return absl::OkStatus();
  return MakeStatus(absl::StatusCode::kFailedPrecondition,
                    "this server takes no direct uploads (uploads.direct); use UploadImage",
                    {.reason = "DIRECT_UPLOADS_OFF"});
}

absl::Status UploadHandlers::CreateUpload(const CallContext& context, const Principal& who,
                                          const v1::CreateUploadRequest& request,
                                          v1::CreateUploadResponse* response) {
  SR_RETURN_IF_ERROR(CheckOn());
  SR_ASSIGN_OR_RETURN(AnnounceRequest announced, FromMessage(request));
  announced.fingerprint = FingerprintOf(request).bytes();
  SR_ASSIGN_OR_RETURN(const UploadView view, uploads_->Create(context, who, std::move(announced)));
  ToMessage(view, response);
  return absl::OkStatus();
}

absl::Status UploadHandlers::GetUpload(const CallContext& context, const Principal& who,
                                       const v1::GetUploadRequest& request,
                                       v1::GetUploadResponse* response) {
  SR_RETURN_IF_ERROR(CheckOn());
  SR_ASSIGN_OR_RETURN(const UploadView view, uploads_->Get(context, who, request.id()));
  ToMessage(view, response);
  return absl::OkStatus();
}

absl::Status UploadHandlers::ListUploads(const CallContext&, const Principal& who,
                                         const v1::ListUploadsRequest& request,
                                         v1::ListUploadsResponse* response) {
  SR_RETURN_IF_ERROR(CheckOn());
  SR_ASSIGN_OR_RETURN(const UploadPage page,
                      uploads_->List(who, request.page_size(), request.page_token()));
  for (const DirectUpload& upload : page.uploads) ToMessage(upload, response->add_uploads());
  response->set_next_page_token(page.next_page_token);
  return absl::OkStatus();
}

absl::Status UploadHandlers::AbortUpload(const CallContext& context, const Principal& who,
                                         const v1::AbortUploadRequest& request,
                                         v1::AbortUploadResponse* response) {
  SR_RETURN_IF_ERROR(CheckOn());
  SR_ASSIGN_OR_RETURN(const DirectUpload upload, uploads_->Abort(context, who, request.id()));
  ToMessage(upload, response->mutable_upload());
  return absl::OkStatus();
}

absl::Status UploadHandlers::GetOriginalUrl(const CallContext& context, const Principal& who,
                                            const v1::GetOriginalUrlRequest& request,
                                            v1::GetOriginalUrlResponse* response) {
  SR_RETURN_IF_ERROR(CheckOn());
  SR_ASSIGN_OR_RETURN(OriginalUrl answer,
                      uploads_->GetOriginalUrl(context, who, request.id(),
                                               absl::Seconds(request.expires_in_seconds())));
  response->set_url(std::move(answer.url));
  *response->mutable_expire_time() = ToTimestamp(answer.expires);
  return absl::OkStatus();
}

void UploadHandlers::CompleteUpload(
    const CallContext& context, const Principal& who, const v1::CompleteUploadRequest& request,
    absl::AnyInvocable<void(absl::StatusOr<v1::UploadImageResponse>)> done) {
  if (absl::Status on = CheckOn(); !on.ok()) return done(std::move(on));
  absl::StatusOr<CompleteRequest> wanted = FromMessage(request);
  if (!wanted.ok()) return done(wanted.status());
  uploads_->Complete(context, who, *std::move(wanted),
                     [done = std::move(done)](absl::StatusOr<CreatedImage> created) mutable {
                       if (!created.ok()) return done(created.status());
                       v1::UploadImageResponse response;
                       stockroom::api::ToMessage(created->image, v1::FULL,
                                                 response.mutable_image());
                       response.set_deduplicated(created->deduplicated);
                       response.set_feed_position(created->feed_position);
                       done(std::move(response));
                     });
}

void UploadHandlers::AddTo(MethodTable& table) {
  const auto* service = v1::Upload::descriptor()->file()->FindServiceByName("UploadService");
  AddUnary<v1::CreateUploadRequest, v1::CreateUploadResponse>(table, service, "CreateUpload", this,
                                                              &UploadHandlers::CreateUpload);
  AddUnary<v1::GetUploadRequest, v1::GetUploadResponse>(table, service, "GetUpload", this,
                                                        &UploadHandlers::GetUpload);
  AddUnary<v1::ListUploadsRequest, v1::ListUploadsResponse>(table, service, "ListUploads", this,
                                                            &UploadHandlers::ListUploads);
  AddUnary<v1::AbortUploadRequest, v1::AbortUploadResponse>(table, service, "AbortUpload", this,
                                                            &UploadHandlers::AbortUpload);
  AddUnary<v1::GetOriginalUrlRequest, v1::GetOriginalUrlResponse>(
      table, service, "GetOriginalUrl", this, &UploadHandlers::GetOriginalUrl);
  table.Add(AsyncMethod{
      .descriptor = service->FindMethodByName("CompleteUpload"),
      .timeout = kCompleteTimeout,
      .start = [this](const CallContext& context, const Principal& who,
                      const google::protobuf::Message& request, auto done) {
        CompleteUpload(
            context, who, static_cast<const v1::CompleteUploadRequest&>(request),
            [done = std::move(done)](absl::StatusOr<v1::UploadImageResponse> response) mutable {
              if (!response.ok()) return done(response.status());
              done(std::make_unique<v1::UploadImageResponse>(*std::move(response)));
            });
      }});
}

}  // namespace stockroom::api
