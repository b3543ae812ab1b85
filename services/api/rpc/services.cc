#include "services/api/rpc/services.h"

#include <memory>
#include <string>
#include <utility>

#include "services/api/rpc/upload_reads.h"
#include "services/api/rpc/watch_writes.h"
#include "services/common/base/status.h"
#include "services/common/rpc/byte_buffers.h"
#include "services/common/rpc/server_streams.h"

namespace stockroom::api {
grpc::ServerReadReactor<v1::UploadImageRequest>* ImageRpc::UploadImage(
    grpc::CallbackServerContext* context, v1::UploadImageResponse* response) {
  return rpc::ServeReads<v1::UploadImageRequest, v1::UploadImageResponse>(
      context, front_.deadlines, response,
      std::make_shared<UploadReads>(handlers_, front_, CredentialsOf(*context)));
}

grpc::ServerUnaryReactor* ImageRpc::GetImage(grpc::CallbackServerContext* context,
                                             const v1::GetImageRequest* request,
                                             v1::Image* response) {
  return ServeUnary(front_, context, RunsOn::kExecutor, handlers_, &ImageHandlers::GetImage,
                    request, response);
}

grpc::ServerUnaryReactor* ImageRpc::ListImages(grpc::CallbackServerContext* context,
                                               const v1::ListImagesRequest* request,
                                               v1::ListImagesResponse* response) {
  return ServeUnary(front_, context, RunsOn::kExecutor, handlers_, &ImageHandlers::ListImages,
                    request, response);
}

grpc::ServerUnaryReactor* ImageRpc::UpdateImage(grpc::CallbackServerContext* context,
                                                const v1::UpdateImageRequest* request,
                                                v1::Image* response) {
  return ServeUnary(front_, context, RunsOn::kExecutor, handlers_, &ImageHandlers::UpdateImage,
                    request, response);
}

grpc::ServerUnaryReactor* ImageRpc::DeleteImage(grpc::CallbackServerContext* context,
                                                const v1::DeleteImageRequest* request,
                                                v1::DeleteImageResponse* response) {
  return ServeUnary(front_, context, RunsOn::kExecutor, handlers_, &ImageHandlers::DeleteImage,
                    request, response);
}

grpc::ServerUnaryReactor* ImageRpc::PutAnalysis(grpc::CallbackServerContext* context,
                                                const v1::PutAnalysisRequest* request,
                                                v1::Image* response) {
  return ServeUnary(front_, context, RunsOn::kExecutor, handlers_, &ImageHandlers::PutAnalysis,
                    request, response);
}

grpc::ServerUnaryReactor* ImageRpc::ReprocessImages(grpc::CallbackServerContext* context,
                                                    const v1::ReprocessImagesRequest* request,
                                                    v1::ReprocessImagesResponse* response) {
  return ServeUnary(front_, context, RunsOn::kExecutor, handlers_, &ImageHandlers::ReprocessImages,
                    request, response);
}

grpc::ServerUnaryReactor* SearchRpc::SearchImages(grpc::CallbackServerContext* context,
                                                  const grpc::ByteBuffer* request,
                                                  grpc::ByteBuffer* response) {
  const auto asked = std::make_shared<v1::SearchImagesRequest>();
  if (!rpc::ReadMessage(*request, *asked)) {
    return rpc::RunUnaryInline(context, front_.deadlines, [](const CallContext&) {
      return InvalidArgument("BAD_MESSAGE", "the request is no SearchImagesRequest");
    });
  }
  Prepare prepare;
  if (handlers_.MustWait(*asked)) {
    prepare = [this, asked](const CallContext& call, auto ready) {
      handlers_.AwaitPosition(call, *asked, std::move(ready));
    };
  }
  const auto take = [response](absl::StatusOr<std::string> bytes) {
    if (bytes.ok()) *response = rpc::BufferOf(*std::move(bytes));
    return bytes.status();
  };
  const auto at_once = [&](const CallContext&,
                           const Principal& who) -> std::optional<absl::Status> {
    std::optional<absl::StatusOr<std::string>> bytes = handlers_.SearchImagesIfCheap(who, *asked);
    if (!bytes) return std::nullopt;
    return take(*std::move(bytes));
  };
  const auto answer = [this, asked, take](const CallContext&, const Principal& who) {
    return take(handlers_.SearchImagesInBytes(who, *asked));
  };
  return ServeCall<v1::SearchImagesRequest>(front_, context, at_once, answer, prepare);
}

grpc::ServerUnaryReactor* SearchRpc::Suggest(grpc::CallbackServerContext* context,
                                             const v1::SuggestRequest* request,
                                             v1::SuggestResponse* response) {
  return ServeUnary(front_, context, RunsOn::kReaction, handlers_, &SearchHandlers::Suggest,
                    request, response);
}

grpc::ServerUnaryReactor* SearchRpc::FindSimilar(grpc::CallbackServerContext* context,
                                                 const v1::FindSimilarRequest* request,
                                                 v1::FindSimilarResponse* response) {
  return ServeUnary(front_, context, RunsOn::kExecutor, handlers_, &SearchHandlers::FindSimilar,
                    request, response);
}

grpc::ServerUnaryReactor* AdminRpc::VerifyIndex(grpc::CallbackServerContext* context,
                                                const v1::VerifyIndexRequest* request,
                                                v1::VerifyIndexResponse* response) {
  return ServeUnary(front_, context, RunsOn::kExecutor, handlers_, &AdminHandlers::VerifyIndex,
                    request, response);
}

grpc::ServerUnaryReactor* AdminRpc::RebuildIndex(grpc::CallbackServerContext* context,
                                                 const v1::RebuildIndexRequest* request,
                                                 v1::RebuildIndexResponse* response) {
  return ServeUnary(front_, context, RunsOn::kExecutor, handlers_, &AdminHandlers::RebuildIndex,
                    request, response);
}

grpc::ServerUnaryReactor* AdminRpc::GetIndexInfo(grpc::CallbackServerContext* context,
                                                 const v1::GetIndexInfoRequest* request,
                                                 v1::IndexInfo* response) {
  return ServeUnary(front_, context, RunsOn::kReaction, handlers_, &AdminHandlers::GetIndexInfo,
                    request, response);
}

grpc::ServerWriteReactor<v1::WatchResponse>* EventRpc::Watch(grpc::CallbackServerContext* context,
                                                             const v1::WatchRequest* request) {
  return rpc::ServeWrites<v1::WatchResponse>(
      context, front_.deadlines,
      std::make_shared<WatchWrites>(handlers_, front_, CredentialsOf(*context), *request));
}

grpc::ServerUnaryReactor* KeyRpc::CreateApiKey(grpc::CallbackServerContext* context,
                                               const v1::CreateApiKeyRequest* request,
                                               v1::CreateApiKeyResponse* response) {
  return ServeUnary(front_, context, RunsOn::kExecutor, handlers_, &KeyHandlers::CreateApiKey,
                    request, response);
}

grpc::ServerUnaryReactor* KeyRpc::ListApiKeys(grpc::CallbackServerContext* context,
                                              const v1::ListApiKeysRequest* request,
                                              v1::ListApiKeysResponse* response) {
  return ServeUnary(front_, context, RunsOn::kExecutor, handlers_, &KeyHandlers::ListApiKeys,
                    request, response);
}

grpc::ServerUnaryReactor* KeyRpc::RevokeApiKey(grpc::CallbackServerContext* context,
                                               const v1::RevokeApiKeyRequest* request,
                                               v1::ApiKey* response) {
  return ServeUnary(front_, context, RunsOn::kExecutor, handlers_, &KeyHandlers::RevokeApiKey,
                    request, response);
}

grpc::ServerUnaryReactor* KeyRpc::WhoAmI(grpc::CallbackServerContext* context,
                                         const v1::WhoAmIRequest* request,
                                         v1::WhoAmIResponse* response) {
  return ServeUnary(front_, context, RunsOn::kReaction, handlers_, &KeyHandlers::WhoAmI, request,
                    response);
}

grpc::ServerUnaryReactor* SystemRpc::Ping(grpc::CallbackServerContext* context,
                                          const v1::PingRequest* request,
                                          v1::PingResponse* response) {
  return ServeUnary(front_, context, RunsOn::kReaction, handlers_, &SystemHandlers::Ping, request,
                    response);
}

grpc::ServerUnaryReactor* SystemRpc::GetServerInfo(grpc::CallbackServerContext* context,
                                                   const v1::GetServerInfoRequest* request,
                                                   v1::ServerInfo* response) {
  return ServeUnary(front_, context, RunsOn::kReaction, handlers_, &SystemHandlers::GetServerInfo,
                    request, response);
}

}  // namespace stockroom::api
