// The public gRPC service of what the cluster keeps: a thin binding of the handlers.
#pragma once

#include "services/api/handlers/backup_handlers.h"
#include "services/api/handlers/store_handlers.h"
#include "services/api/rpc/front.h"
#include "stockroom/v1/store.grpc.pb.h"

namespace stockroom::api {

class StoreRpc final : public v1::StoreService::CallbackService {
 public:
  StoreRpc(StoreHandlers& handlers, BackupHandlers& backups, const Front& front)
      : handlers_(handlers), backups_(backups), front_(front) {}

  grpc::ServerUnaryReactor* GetScrub(grpc::CallbackServerContext* context,
                                     const v1::GetScrubRequest* request,
                                     v1::Scrub* response) override;
  grpc::ServerUnaryReactor* StartScrub(grpc::CallbackServerContext* context,
                                       const v1::StartScrubRequest* request,
                                       v1::Scrub* response) override;
  grpc::ServerUnaryReactor* ListQuarantined(grpc::CallbackServerContext* context,
                                            const v1::ListQuarantinedRequest* request,
                                            v1::ListQuarantinedResponse* response) override;
  grpc::ServerUnaryReactor* CheckImages(grpc::CallbackServerContext* context,
                                        const v1::CheckImagesRequest* request,
                                        v1::CheckImagesResponse* response) override;
  grpc::ServerUnaryReactor* CheckBlobs(grpc::CallbackServerContext* context,
                                       const v1::CheckBlobsRequest* request,
                                       v1::CheckBlobsResponse* response) override;
  grpc::ServerUnaryReactor* GetCatalogue(grpc::CallbackServerContext* context,
                                         const v1::GetCatalogueRequest* request,
                                         v1::Catalogue* response) override;
  grpc::ServerUnaryReactor* ExportRows(grpc::CallbackServerContext* context,
                                       const v1::ExportRowsRequest* request,
                                       v1::ExportRowsResponse* response) override;
  grpc::ServerUnaryReactor* ImportRows(grpc::CallbackServerContext* context,
                                       const v1::ImportRowsRequest* request,
                                       v1::ImportRowsResponse* response) override;
  grpc::ServerUnaryReactor* MissingOriginals(grpc::CallbackServerContext* context,
                                             const v1::MissingOriginalsRequest* request,
                                             v1::MissingOriginalsResponse* response) override;
  grpc::ServerUnaryReactor* ReadOriginal(grpc::CallbackServerContext* context,
                                         const v1::ReadOriginalRequest* request,
                                         v1::ReadOriginalResponse* response) override;
  grpc::ServerReadReactor<v1::WriteOriginalRequest>* WriteOriginal(
      grpc::CallbackServerContext* context, v1::WriteOriginalResponse* response) override;

 private:
  StoreHandlers& handlers_;
  BackupHandlers& backups_;
  Front front_;
};

}  // namespace stockroom::api
