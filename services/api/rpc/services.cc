#include "services/api/rpc/services.h"

#include <utility>

#include "services/api/rpc/upload_reads.h"
#include "services/api/rpc/watch_writes.h"
#include "services/common/rpc/server_streams.h"

namespace stockroom::api {
namespace {

// Binds handler, principal and messages into what rpc::RunUnary runs. Authentication (a later
// issue) finds the principal; until then everybody is anonymous.
template <typename Handlers, typename Request, typename Response>
auto Bind(Handlers& handlers,
          absl::Status (Handlers::*method)(const CallContext&, const Principal&, const Request&,
                                           Response*),
          const Request* request, Response* response) {
  return [&handlers, method, request, response](const CallContext& context) {
    return (handlers.*method)(context, Principal::Anonymous(), *request, response);
  };
}

}  // namespace

grpc::ServerReadReactor<v1::UploadImageRequest>* ImageRpc::UploadImage(
    grpc::CallbackServerContext* context, v1::UploadImageResponse* response) {
  return rpc::ServeReads<v1::UploadImageRequest, v1::UploadImageResponse>(
      context, deadlines_, response,
      std::make_shared<UploadReads>(handlers_, Principal::Anonymous()));
}

grpc::ServerUnaryReactor* ImageRpc::GetImage(grpc::CallbackServerContext* context,
                                             const v1::GetImageRequest* request,
                                             v1::Image* response) {
  return rpc::RunUnary(context, executor_, deadlines_,
                       Bind(handlers_, &ImageHandlers::GetImage, request, response));
}

grpc::ServerUnaryReactor* ImageRpc::ListImages(grpc::CallbackServerContext* context,
                                               const v1::ListImagesRequest* request,
                                               v1::ListImagesResponse* response) {
  return rpc::RunUnary(context, executor_, deadlines_,
                       Bind(handlers_, &ImageHandlers::ListImages, request, response));
}

grpc::ServerUnaryReactor* ImageRpc::UpdateImage(grpc::CallbackServerContext* context,
                                                const v1::UpdateImageRequest* request,
                                                v1::Image* response) {
  return rpc::RunUnary(context, executor_, deadlines_,
                       Bind(handlers_, &ImageHandlers::UpdateImage, request, response));
}

grpc::ServerUnaryReactor* ImageRpc::DeleteImage(grpc::CallbackServerContext* context,
                                                const v1::DeleteImageRequest* request,
                                                v1::DeleteImageResponse* response) {
  return rpc::RunUnary(context, executor_, deadlines_,
                       Bind(handlers_, &ImageHandlers::DeleteImage, request, response));
}

grpc::ServerUnaryReactor* ImageRpc::PutAnalysis(grpc::CallbackServerContext* context,
                                                const v1::PutAnalysisRequest* request,
                                                v1::Image* response) {
  return rpc::RunUnary(context, executor_, deadlines_,
                       Bind(handlers_, &ImageHandlers::PutAnalysis, request, response));
}

grpc::ServerUnaryReactor* ImageRpc::ReprocessImages(grpc::CallbackServerContext* context,
                                                    const v1::ReprocessImagesRequest* request,
                                                    v1::ReprocessImagesResponse* response) {
  return rpc::RunUnary(context, executor_, deadlines_,
                       Bind(handlers_, &ImageHandlers::ReprocessImages, request, response));
}

grpc::ServerUnaryReactor* SearchRpc::SearchImages(grpc::CallbackServerContext* context,
                                                  const v1::SearchImagesRequest* request,
                                                  v1::SearchImagesResponse* response) {
  auto search = Bind(handlers_, &SearchHandlers::SearchImages, request, response);
  if (!handlers_.MustWait(*request)) {
    return rpc::RunUnaryInline(context, deadlines_, std::move(search));
  }
  const auto prepare = [this, request](const CallContext& call, auto ready) {
    handlers_.AwaitPosition(call, *request, std::move(ready));
  };
  return rpc::RunUnaryAfter(context, executor_, deadlines_, prepare, std::move(search));
}

grpc::ServerUnaryReactor* SearchRpc::Suggest(grpc::CallbackServerContext* context,
                                             const v1::SuggestRequest* request,
                                             v1::SuggestResponse* response) {
  return rpc::RunUnaryInline(context, deadlines_,
                             Bind(handlers_, &SearchHandlers::Suggest, request, response));
}

grpc::ServerUnaryReactor* SearchRpc::FindSimilar(grpc::CallbackServerContext* context,
                                                 const v1::FindSimilarRequest* request,
                                                 v1::FindSimilarResponse* response) {
  return rpc::RunUnary(context, executor_, deadlines_,
                       Bind(handlers_, &SearchHandlers::FindSimilar, request, response));
}

grpc::ServerWriteReactor<v1::WatchResponse>* EventRpc::Watch(grpc::CallbackServerContext* context,
                                                             const v1::WatchRequest* request) {
  return rpc::ServeWrites<v1::WatchResponse>(
      context, deadlines_,
      std::make_shared<WatchWrites>(handlers_, Principal::Anonymous(), *request));
}

grpc::ServerUnaryReactor* SystemRpc::Ping(grpc::CallbackServerContext* context,
                                          const v1::PingRequest* request,
                                          v1::PingResponse* response) {
  return rpc::RunUnaryInline(context, deadlines_,
                             Bind(handlers_, &SystemHandlers::Ping, request, response));
}

grpc::ServerUnaryReactor* SystemRpc::GetServerInfo(grpc::CallbackServerContext* context,
                                                   const v1::GetServerInfoRequest* request,
                                                   v1::ServerInfo* response) {
  return rpc::RunUnaryInline(context, deadlines_,
                             Bind(handlers_, &SystemHandlers::GetServerInfo, request, response));
}

}  // namespace stockroom::api
