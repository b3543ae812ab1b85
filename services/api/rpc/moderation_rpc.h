// The public gRPC service of moderation: a thin binding of the handlers.
#pragma once

#include "services/api/handlers/moderation_handlers.h"
#include "services/api/rpc/front.h"
#include "stockroom/v1/moderation.grpc.pb.h"

namespace stockroom::api {

class ModerationRpc final : public v1::ModerationService::CallbackService {
 public:
  ModerationRpc(ModerationHandlers& handlers, const Front& front)
      : handlers_(handlers), front_(front) {}

  grpc::ServerUnaryReactor* ListFlagged(grpc::CallbackServerContext* context,
                                        const v1::ListFlaggedRequest* request,
                                        v1::ListFlaggedResponse* response) override;
  grpc::ServerUnaryReactor* DecideImage(grpc::CallbackServerContext* context,
                                        const v1::DecideImageRequest* request,
                                        v1::Image* response) override;
  grpc::ServerUnaryReactor* ListDecisions(grpc::CallbackServerContext* context,
                                          const v1::ListDecisionsRequest* request,
                                          v1::ListDecisionsResponse* response) override;
  grpc::ServerUnaryReactor* AddBlockedHashes(grpc::CallbackServerContext* context,
                                             const v1::AddBlockedHashesRequest* request,
                                             v1::AddBlockedHashesResponse* response) override;
  grpc::ServerUnaryReactor* RemoveBlockedHashes(grpc::CallbackServerContext* context,
                                                const v1::RemoveBlockedHashesRequest* request,
                                                v1::RemoveBlockedHashesResponse* response) override;
  grpc::ServerUnaryReactor* ListBlockedHashes(grpc::CallbackServerContext* context,
                                              const v1::ListBlockedHashesRequest* request,
                                              v1::ListBlockedHashesResponse* response) override;
  grpc::ServerUnaryReactor* ImportBlockedHashes(grpc::CallbackServerContext* context,
                                                const v1::ImportBlockedHashesRequest* request,
                                                v1::AddBlockedHashesResponse* response) override;
  grpc::ServerUnaryReactor* ExportBlockedHashes(grpc::CallbackServerContext* context,
                                                const v1::ExportBlockedHashesRequest* request,
                                                v1::ExportBlockedHashesResponse* response) override;

 private:
  ModerationHandlers& handlers_;
  Front front_;
};

}  // namespace stockroom::api
