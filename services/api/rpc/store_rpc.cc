#include "services/api/rpc/store_rpc.h"

#include "services/api/rpc/original_reads.h"

namespace stockroom::api {

grpc::ServerUnaryReactor* StoreRpc::GetScrub(grpc::CallbackServerContext* context,
                                             const v1::GetScrubRequest* request,
                                             v1::Scrub* response) {
  return ServeUnary(front_, context, RunsOn::kExecutor, handlers_, &StoreHandlers::GetScrub,
                    request, response);
}

grpc::ServerUnaryReactor* StoreRpc::StartScrub(grpc::CallbackServerContext* context,
                                               const v1::StartScrubRequest* request,
                                               v1::Scrub* response) {
  return ServeUnary(front_, context, RunsOn::kExecutor, handlers_, &StoreHandlers::StartScrub,
                    request, response);
}

grpc::ServerUnaryReactor* StoreRpc::ListQuarantined(grpc::CallbackServerContext* context,
                                                    const v1::ListQuarantinedRequest* request,
                                                    v1::ListQuarantinedResponse* response) {
  return ServeUnary(front_, context, RunsOn::kExecutor, handlers_, &StoreHandlers::ListQuarantined,
                    request, response);
}

grpc::ServerUnaryReactor* StoreRpc::CheckImages(grpc::CallbackServerContext* context,
                                                const v1::CheckImagesRequest* request,
                                                v1::CheckImagesResponse* response) {
  return ServeUnary(front_, context, RunsOn::kExecutor, handlers_, &StoreHandlers::CheckImages,
                    request, response);
}

grpc::ServerUnaryReactor* StoreRpc::CheckBlobs(grpc::CallbackServerContext* context,
                                               const v1::CheckBlobsRequest* request,
                                               v1::CheckBlobsResponse* response) {
  return ServeUnary(front_, context, RunsOn::kExecutor, handlers_, &StoreHandlers::CheckBlobs,
                    request, response);
}

grpc::ServerUnaryReactor* StoreRpc::GetCatalogue(grpc::CallbackServerContext* context,
                                                 const v1::GetCatalogueRequest* request,
                                                 v1::Catalogue* response) {
  return ServeUnary(front_, context, RunsOn::kExecutor, backups_, &BackupHandlers::GetCatalogue,
                    request, response);
}

grpc::ServerUnaryReactor* StoreRpc::ExportRows(grpc::CallbackServerContext* context,
                                               const v1::ExportRowsRequest* request,
                                               v1::ExportRowsResponse* response) {
  return ServeUnary(front_, context, RunsOn::kExecutor, backups_, &BackupHandlers::ExportRows,
                    request, response);
}

grpc::ServerUnaryReactor* StoreRpc::ImportRows(grpc::CallbackServerContext* context,
                                               const v1::ImportRowsRequest* request,
                                               v1::ImportRowsResponse* response) {
  return ServeUnary(front_, context, RunsOn::kExecutor, backups_, &BackupHandlers::ImportRows,
                    request, response);
}

grpc::ServerUnaryReactor* StoreRpc::MissingOriginals(grpc::CallbackServerContext* context,
                                                     const v1::MissingOriginalsRequest* request,
                                                     v1::MissingOriginalsResponse* response) {
  return ServeUnary(front_, context, RunsOn::kExecutor, backups_, &BackupHandlers::MissingOriginals,
                    request, response);
}

grpc::ServerUnaryReactor* StoreRpc::ReadOriginal(grpc::CallbackServerContext* context,
                                                 const v1::ReadOriginalRequest* request,
                                                 v1::ReadOriginalResponse* response) {
  return ServeUnary(front_, context, RunsOn::kExecutor, backups_, &BackupHandlers::ReadOriginal,
                    request, response);
}

grpc::ServerReadReactor<v1::WriteOriginalRequest>* StoreRpc::WriteOriginal(
    grpc::CallbackServerContext* context, v1::WriteOriginalResponse* response) {
  return rpc::ServeReads<v1::WriteOriginalRequest, v1::WriteOriginalResponse>(
      context, front_.deadlines, response,
      std::make_shared<OriginalReads>(backups_, front_, CredentialsOf(*context)));
}

}  // namespace stockroom::api
