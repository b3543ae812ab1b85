#include "services/api/rpc/moderation_rpc.h"

namespace stockroom::api {

grpc::ServerUnaryReactor* ModerationRpc::ListFlagged(grpc::CallbackServerContext* context,
                                                     const v1::ListFlaggedRequest* request,
                                                     v1::ListFlaggedResponse* response) {
  return ServeUnary(front_, context, RunsOn::kExecutor, handlers_, &ModerationHandlers::ListFlagged,
                    request, response);
}

grpc::ServerUnaryReactor* ModerationRpc::DecideImage(grpc::CallbackServerContext* context,
                                                     const v1::DecideImageRequest* request,
                                                     v1::Image* response) {
  return ServeUnary(front_, context, RunsOn::kExecutor, handlers_, &ModerationHandlers::DecideImage,
                    request, response);
}

grpc::ServerUnaryReactor* ModerationRpc::ListDecisions(grpc::CallbackServerContext* context,
                                                       const v1::ListDecisionsRequest* request,
                                                       v1::ListDecisionsResponse* response) {
  return ServeUnary(front_, context, RunsOn::kExecutor, handlers_,
                    &ModerationHandlers::ListDecisions, request, response);
}

grpc::ServerUnaryReactor* ModerationRpc::AddBlockedHashes(
    grpc::CallbackServerContext* context, const v1::AddBlockedHashesRequest* request,
    v1::AddBlockedHashesResponse* response) {
  return ServeUnary(front_, context, RunsOn::kExecutor, handlers_,
                    &ModerationHandlers::AddBlockedHashes, request, response);
}

grpc::ServerUnaryReactor* ModerationRpc::RemoveBlockedHashes(
    grpc::CallbackServerContext* context, const v1::RemoveBlockedHashesRequest* request,
    v1::RemoveBlockedHashesResponse* response) {
  return ServeUnary(front_, context, RunsOn::kExecutor, handlers_,
                    &ModerationHandlers::RemoveBlockedHashes, request, response);
}

grpc::ServerUnaryReactor* ModerationRpc::ListBlockedHashes(
    grpc::CallbackServerContext* context, const v1::ListBlockedHashesRequest* request,
    v1::ListBlockedHashesResponse* response) {
  return ServeUnary(front_, context, RunsOn::kExecutor, handlers_,
                    &ModerationHandlers::ListBlockedHashes, request, response);
}

grpc::ServerUnaryReactor* ModerationRpc::ImportBlockedHashes(
    grpc::CallbackServerContext* context, const v1::ImportBlockedHashesRequest* request,
    v1::AddBlockedHashesResponse* response) {
  return ServeUnary(front_, context, RunsOn::kExecutor, handlers_,
                    &ModerationHandlers::ImportBlockedHashes, request, response);
}

grpc::ServerUnaryReactor* ModerationRpc::ExportBlockedHashes(
    grpc::CallbackServerContext* context, const v1::ExportBlockedHashesRequest* request,
    v1::ExportBlockedHashesResponse* response) {
  return ServeUnary(front_, context, RunsOn::kExecutor, handlers_,
                    &ModerationHandlers::ExportBlockedHashes, request, response);
}

}  // namespace stockroom::api
