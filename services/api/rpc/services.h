// The public gRPC services: thin bindings of the handlers.
#pragma once

#include "services/api/handlers/event_handlers.h"
#include "services/api/handlers/image_handlers.h"
#include "services/api/handlers/search_handlers.h"
#include "services/api/handlers/system_handlers.h"
#include "services/common/base/executor.h"
#include "services/common/rpc/context.h"
#include "stockroom/v1/events.grpc.pb.h"
#include "stockroom/v1/images.grpc.pb.h"
#include "stockroom/v1/search.grpc.pb.h"
#include "stockroom/v1/system.grpc.pb.h"

namespace stockroom::api {

class ImageRpc final : public v1::ImageService::CallbackService {
 public:
  ImageRpc(ImageHandlers& handlers, Executor& executor, rpc::DeadlinePolicy deadlines)
      : handlers_(handlers), executor_(executor), deadlines_(deadlines) {}

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
  Executor& executor_;
  const rpc::DeadlinePolicy deadlines_;
};

class SearchRpc final : public v1::SearchService::CallbackService {
 public:
  SearchRpc(SearchHandlers& handlers, Executor& executor, rpc::DeadlinePolicy deadlines)
      : handlers_(handlers), executor_(executor), deadlines_(deadlines) {}

  grpc::ServerUnaryReactor* SearchImages(grpc::CallbackServerContext* context,
                                         const v1::SearchImagesRequest* request,
                                         v1::SearchImagesResponse* response) override;
  grpc::ServerUnaryReactor* Suggest(grpc::CallbackServerContext* context,
                                    const v1::SuggestRequest* request,
                                    v1::SuggestResponse* response) override;
  grpc::ServerUnaryReactor* FindSimilar(grpc::CallbackServerContext* context,
                                        const v1::FindSimilarRequest* request,
                                        v1::FindSimilarResponse* response) override;

 private:
  SearchHandlers& handlers_;
  Executor& executor_;
  const rpc::DeadlinePolicy deadlines_;
};

class EventRpc final : public v1::EventService::CallbackService {
 public:
  EventRpc(EventHandlers& handlers, rpc::DeadlinePolicy deadlines)
      : handlers_(handlers), deadlines_(deadlines) {}

  grpc::ServerWriteReactor<v1::WatchResponse>* Watch(grpc::CallbackServerContext* context,
                                                     const v1::WatchRequest* request) override;

 private:
  EventHandlers& handlers_;
  const rpc::DeadlinePolicy deadlines_;
};

class SystemRpc final : public v1::SystemService::CallbackService {
 public:
  SystemRpc(SystemHandlers& handlers, rpc::DeadlinePolicy deadlines)
      : handlers_(handlers), deadlines_(deadlines) {}

  grpc::ServerUnaryReactor* Ping(grpc::CallbackServerContext* context,
                                 const v1::PingRequest* request,
                                 v1::PingResponse* response) override;
  grpc::ServerUnaryReactor* GetServerInfo(grpc::CallbackServerContext* context,
                                          const v1::GetServerInfoRequest* request,
                                          v1::ServerInfo* response) override;

 private:
  SystemHandlers& handlers_;
  const rpc::DeadlinePolicy deadlines_;
};

}  // namespace stockroom::api
