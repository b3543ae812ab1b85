// The public gRPC service of direct uploads: a thin binding of the handlers.
#pragma once

#include "services/api/handlers/upload_handlers.h"
#include "services/api/rpc/front.h"
#include "stockroom/v1/uploads.grpc.pb.h"

namespace stockroom::api {

class UploadRpc final : public v1::UploadService::CallbackService {
 public:
  UploadRpc(UploadHandlers& handlers, const Front& front) : handlers_(handlers), front_(front) {}

  grpc::ServerUnaryReactor* CreateUpload(grpc::CallbackServerContext* context,
                                         const v1::CreateUploadRequest* request,
                                         v1::CreateUploadResponse* response) override;
  grpc::ServerUnaryReactor* GetUpload(grpc::CallbackServerContext* context,
                                      const v1::GetUploadRequest* request,
                                      v1::GetUploadResponse* response) override;
  grpc::ServerUnaryReactor* ListUploads(grpc::CallbackServerContext* context,
                                        const v1::ListUploadsRequest* request,
                                        v1::ListUploadsResponse* response) override;
  grpc::ServerUnaryReactor* CompleteUpload(grpc::CallbackServerContext* context,
                                           const v1::CompleteUploadRequest* request,
                                           v1::UploadImageResponse* response) override;
  grpc::ServerUnaryReactor* AbortUpload(grpc::CallbackServerContext* context,
                                        const v1::AbortUploadRequest* request,
                                        v1::AbortUploadResponse* response) override;
  grpc::ServerUnaryReactor* GetOriginalUrl(grpc::CallbackServerContext* context,
                                           const v1::GetOriginalUrlRequest* request,
                                           v1::GetOriginalUrlResponse* response) override;

 private:
  UploadHandlers& handlers_;
  Front front_;
};

}  // namespace stockroom::api
