#include "services/api/rpc/upload_rpc.h"

#include <algorithm>
#include <utility>

namespace stockroom::api {

grpc::ServerUnaryReactor* UploadRpc::CreateUpload(grpc::CallbackServerContext* context,
                                                  const v1::CreateUploadRequest* request,
                                                  v1::CreateUploadResponse* response) {
  return ServeUnary(front_, context, RunsOn::kExecutor, handlers_, &UploadHandlers::CreateUpload,
                    request, response);
}

grpc::ServerUnaryReactor* UploadRpc::GetUpload(grpc::CallbackServerContext* context,
                                               const v1::GetUploadRequest* request,
                                               v1::GetUploadResponse* response) {
  return ServeUnary(front_, context, RunsOn::kExecutor, handlers_, &UploadHandlers::GetUpload,
                    request, response);
}

grpc::ServerUnaryReactor* UploadRpc::ListUploads(grpc::CallbackServerContext* context,
                                                 const v1::ListUploadsRequest* request,
                                                 v1::ListUploadsResponse* response) {
  return ServeUnary(front_, context, RunsOn::kExecutor, handlers_, &UploadHandlers::ListUploads,
                    request, response);
}

grpc::ServerUnaryReactor* UploadRpc::CompleteUpload(grpc::CallbackServerContext* context,
                                                    const v1::CompleteUploadRequest* request,
                                                    v1::UploadImageResponse* response) {
  using Request = v1::CompleteUploadRequest;
  // The whole call is what comes before the executor: it takes no thread while it waits.
  const auto complete = [this, request, response, credentials = CredentialsOf(*context)](
                            const CallContext& call, absl::AnyInvocable<void(absl::Status)> ready) {
    // The context and the messages live until `ready` was called.
    AdmitCall<Request>(front_, call, credentials,
                       [this, &call, request, response,
                        ready = std::move(ready)](absl::StatusOr<Principal> who) mutable {
                         if (!who.ok()) return ready(who.status());
                         handlers_.CompleteUpload(
                             call, *who, *request,
                             [response, ready = std::move(ready)](
                                 absl::StatusOr<v1::UploadImageResponse> answer) mutable {
                               if (answer.ok()) *response = *std::move(answer);
                               ready(answer.status());
                             });
                       });
  };
  // Who names no deadline gets as long as over REST: a large file is not read in the usual time.
  rpc::DeadlinePolicy deadlines = front_.deadlines;
  deadlines.default_timeout = std::max(
      deadlines.default_timeout, std::min(UploadHandlers::kCompleteTimeout, deadlines.max_timeout));
  return rpc::RunUnaryAfter(context, front_.executor, deadlines, complete,
                            [](const CallContext&) { return absl::OkStatus(); });
}

grpc::ServerUnaryReactor* UploadRpc::AbortUpload(grpc::CallbackServerContext* context,
                                                 const v1::AbortUploadRequest* request,
                                                 v1::AbortUploadResponse* response) {
  return ServeUnary(front_, context, RunsOn::kExecutor, handlers_, &UploadHandlers::AbortUpload,
                    request, response);
}

grpc::ServerUnaryReactor* UploadRpc::GetOriginalUrl(grpc::CallbackServerContext* context,
                                                    const v1::GetOriginalUrlRequest* request,
                                                    v1::GetOriginalUrlResponse* response) {
  return ServeUnary(front_, context, RunsOn::kExecutor, handlers_, &UploadHandlers::GetOriginalUrl,
                    request, response);
}

}  // namespace stockroom::api
