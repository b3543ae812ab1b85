// The public gRPC services: thin bindings of the handlers.
#pragma once

#include "services/api/handlers/admin_handlers.h"
#include "services/api/handlers/event_handlers.h"
#include "services/api/handlers/image_handlers.h"
#include "services/api/handlers/key_handlers.h"
#include "services/api/handlers/search_handlers.h"
#include "services/api/handlers/system_handlers.h"
#include "services/api/rpc/front.h"
#include "stockroom/v1/admin.grpc.pb.h"
#include "stockroom/v1/events.grpc.pb.h"
#include "stockroom/v1/images.grpc.pb.h"
#include "stockroom/v1/keys.grpc.pb.h"
#include "stockroom/v1/search.grpc.pb.h"
#include "stockroom/v1/system.grpc.pb.h"

namespace stockroom::api {

class ImageRpc final : public v1::ImageService::CallbackService {
 public:
  ImageRpc(ImageHandlers& handlers, const Front& front) : handlers_(handlers), front_(front) {}

  grpc::ServerReadReactor<v1::UploadImageRequest>* UploadImage(
      grpc::CallbackServerContext* context, v1::UploadImageResponse* response) override;
  grpc::ServerUnaryReactor* GetImage(grpc::CallbackServerContext* context,
                                     const v1::GetImageRequest* request,
                                     v1::Image* response) override;
  grpc::ServerUnaryReactor* ListImages(grpc::CallbackServerContext* context,
                                       const v1::ListImagesRequest* request,
                                       v1::ListImagesResponse* response) override;
  grpc::ServerUnaryReactor* UpdateImage(grpc::CallbackServerContext* context,
                                        const v1::UpdateImageRequest* request,
                                        v1::Image* response) override;
  grpc::ServerUnaryReactor* DeleteImage(grpc::CallbackServerContext* context,
                                        const v1::DeleteImageRequest* request,
                                        v1::DeleteImageResponse* response) override;
  grpc::ServerUnaryReactor* PutAnalysis(grpc::CallbackServerContext* context,
                                        const v1::PutAnalysisRequest* request,
                                        v1::Image* response) override;
  grpc::ServerUnaryReactor* ReprocessImages(grpc::CallbackServerContext* context,
                                            const v1::ReprocessImagesRequest* request,
                                            v1::ReprocessImagesResponse* response) override;

 private:
  ImageHandlers& handlers_;
  Front front_;
};

// SearchImages is answered in bytes that are never made into messages here.
class SearchRpc final
    : public v1::SearchService::WithRawCallbackMethod_SearchImages<
          v1::SearchService::WithCallbackMethod_Suggest<
              v1::SearchService::WithCallbackMethod_FindSimilar<v1::SearchService::Service>>> {
 public:
  SearchRpc(SearchHandlers& handlers, const Front& front) : handlers_(handlers), front_(front) {}

  grpc::ServerUnaryReactor* SearchImages(grpc::CallbackServerContext* context,
                                         const grpc::ByteBuffer* request,
                                         grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* Suggest(grpc::CallbackServerContext* context,
                                    const v1::SuggestRequest* request,
                                    v1::SuggestResponse* response) override;
  grpc::ServerUnaryReactor* FindSimilar(grpc::CallbackServerContext* context,
                                        const v1::FindSimilarRequest* request,
                                        v1::FindSimilarResponse* response) override;

 private:
  SearchHandlers& handlers_;
  Front front_;
};

class AdminRpc final : public v1::AdminService::CallbackService {
 public:
  AdminRpc(AdminHandlers& handlers, const Front& front) : handlers_(handlers), front_(front) {}

  grpc::ServerUnaryReactor* VerifyIndex(grpc::CallbackServerContext* context,
                                        const v1::VerifyIndexRequest* request,
                                        v1::VerifyIndexResponse* response) override;
  grpc::ServerUnaryReactor* RebuildIndex(grpc::CallbackServerContext* context,
                                         const v1::RebuildIndexRequest* request,
                                         v1::RebuildIndexResponse* response) override;
  grpc::ServerUnaryReactor* GetIndexInfo(grpc::CallbackServerContext* context,
                                         const v1::GetIndexInfoRequest* request,
                                         v1::IndexInfo* response) override;

 private:
  AdminHandlers& handlers_;
  Front front_;
};

class EventRpc final : public v1::EventService::CallbackService {
 public:
  EventRpc(EventHandlers& handlers, const Front& front) : handlers_(handlers), front_(front) {}

  grpc::ServerWriteReactor<v1::WatchResponse>* Watch(grpc::CallbackServerContext* context,
                                                     const v1::WatchRequest* request) override;

 private:
  EventHandlers& handlers_;
  Front front_;
};

class KeyRpc final : public v1::KeyService::CallbackService {
 public:
  KeyRpc(KeyHandlers& handlers, const Front& front) : handlers_(handlers), front_(front) {}

  grpc::ServerUnaryReactor* CreateApiKey(grpc::CallbackServerContext* context,
                                         const v1::CreateApiKeyRequest* request,
                                         v1::CreateApiKeyResponse* response) override;
  grpc::ServerUnaryReactor* ListApiKeys(grpc::CallbackServerContext* context,
                                        const v1::ListApiKeysRequest* request,
                                        v1::ListApiKeysResponse* response) override;
  grpc::ServerUnaryReactor* RevokeApiKey(grpc::CallbackServerContext* context,
                                         const v1::RevokeApiKeyRequest* request,
                                         v1::ApiKey* response) override;
  grpc::ServerUnaryReactor* WhoAmI(grpc::CallbackServerContext* context,
                                   const v1::WhoAmIRequest* request,
                                   v1::WhoAmIResponse* response) override;

 private:
  KeyHandlers& handlers_;
  Front front_;
};

class SystemRpc final : public v1::SystemService::CallbackService {
 public:
  SystemRpc(SystemHandlers& handlers, const Front& front) : handlers_(handlers), front_(front) {}

  grpc::ServerUnaryReactor* Ping(grpc::CallbackServerContext* context,
                                 const v1::PingRequest* request,
                                 v1::PingResponse* response) override;
  grpc::ServerUnaryReactor* GetServerInfo(grpc::CallbackServerContext* context,
                                          const v1::GetServerInfoRequest* request,
                                          v1::ServerInfo* response) override;

 private:
  SystemHandlers& handlers_;
  Front front_;
};

}  // namespace stockroom::api
