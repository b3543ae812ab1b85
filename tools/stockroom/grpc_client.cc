#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <atomic>
#include <vector>

#include "services/common/base/status.h"
#include "services/common/rpc/status.h"
#include "stockroom/v1/admin.grpc.pb.h"
#include "stockroom/v1/events.grpc.pb.h"
#include "stockroom/v1/images.grpc.pb.h"
#include "stockroom/v1/keys.grpc.pb.h"
#include "stockroom/v1/moderation.grpc.pb.h"
#include "stockroom/v1/search.grpc.pb.h"
#include "stockroom/v1/system.grpc.pb.h"
#include "stockroom/v1/uploads.grpc.pb.h"
#include "stockroom/v1/webhooks.grpc.pb.h"
#include "tools/stockroom/client.h"
#include "tools/stockroom/dial.h"
#include "tools/stockroom/grpc_call.h"

namespace stockroom::cli {
namespace {

// The server ends watches earlier.
constexpr absl::Duration kLongestWatch = absl::Hours(24);
// What the server allows the care of its index.
constexpr absl::Duration kIndexCare = absl::Minutes(10);

struct Connection {
  explicit Connection(const std::shared_ptr<grpc::Channel>& channel)
      : admin(v1::AdminService::NewStub(channel)),
        events(v1::EventService::NewStub(channel)),
        images(v1::ImageService::NewStub(channel)),
        keys(v1::KeyService::NewStub(channel)),
        moderation(v1::ModerationService::NewStub(channel)),
        search(v1::SearchService::NewStub(channel)),
        system(v1::SystemService::NewStub(channel)),
        uploads(v1::UploadService::NewStub(channel)),
        webhooks(v1::WebhookService::NewStub(channel)) {}

  std::unique_ptr<v1::AdminService::Stub> admin;
  std::unique_ptr<v1::EventService::Stub> events;
  std::unique_ptr<v1::ImageService::Stub> images;
  std::unique_ptr<v1::KeyService::Stub> keys;
  std::unique_ptr<v1::ModerationService::Stub> moderation;
  std::unique_ptr<v1::SearchService::Stub> search;
  std::unique_ptr<v1::SystemService::Stub> system;
  std::unique_ptr<v1::UploadService::Stub> uploads;
  std::unique_ptr<v1::WebhookService::Stub> webhooks;
};

class GrpcClient final : public Client {
 public:
  GrpcClient(const Settings& settings, std::vector<std::unique_ptr<Connection>> connections,
             std::shared_ptr<Cancellation> stop)
      : settings_(settings), connections_(std::move(connections)), stop_(std::move(stop)) {}

  absl::StatusOr<v1::UploadImageResponse> Upload(const v1::UploadHeader& header, ChunkSource next,
                                                 absl::Duration timeout) override {
    GrpcCall call(settings_, *stop_, timeout);
    v1::UploadImageResponse response;
    const auto writer = Stubs().images->UploadImage(&call.context, &response);
    v1::UploadImageRequest request;
    *request.mutable_header() = header;
    const absl::Status status = call.SendChunks(*writer, std::move(request), next);
    if (!status.ok()) return status;
    return response;
  }

  absl::StatusOr<v1::CreateUploadResponse> CreateUpload(const v1::CreateUploadRequest& request,
                                                        const std::string& key) override {
    GrpcCall call(settings_, *stop_, settings_.timeout);
    call.context.AddMetadata("idempotency-key", key);
    return call.Unary<v1::CreateUploadResponse>(*Stubs().uploads,
                                                &v1::UploadService::Stub::CreateUpload, request);
  }
  absl::StatusOr<v1::UploadImageResponse> CompleteUpload(const v1::CompleteUploadRequest& request,
                                                         absl::Duration timeout) override {
    return GrpcCall(settings_, *stop_, timeout)
        .Unary<v1::UploadImageResponse>(*Stubs().uploads, &v1::UploadService::Stub::CompleteUpload,
                                        request);
  }
  absl::StatusOr<v1::ListUploadsResponse> ListUploads(
      const v1::ListUploadsRequest& request) override {
    return Unary<v1::ListUploadsResponse>(*Stubs().uploads, &v1::UploadService::Stub::ListUploads,
                                          request);
  }
  absl::StatusOr<v1::AbortUploadResponse> AbortUpload(const std::string& id) override {
    v1::AbortUploadRequest request;
    request.set_id(id);
    return Unary<v1::AbortUploadResponse>(*Stubs().uploads, &v1::UploadService::Stub::AbortUpload,
                                          request);
  }
  absl::StatusOr<v1::GetOriginalUrlResponse> GetOriginalUrl(
      const v1::GetOriginalUrlRequest& request) override {
    return Unary<v1::GetOriginalUrlResponse>(*Stubs().uploads,
                                             &v1::UploadService::Stub::GetOriginalUrl, request);
  }
  absl::StatusOr<v1::Image> Get(const std::string& id) override {
    v1::GetImageRequest request;
    request.set_id(id);
    return Unary<v1::Image>(*Stubs().images, &v1::ImageService::Stub::GetImage, request);
  }
  absl::StatusOr<v1::ListImagesResponse> List(const v1::ListImagesRequest& request) override {
    return Unary<v1::ListImagesResponse>(*Stubs().images, &v1::ImageService::Stub::ListImages,
                                         request);
  }
  absl::StatusOr<v1::SearchImagesResponse> Search(const v1::SearchImagesRequest& request) override {
    return Unary<v1::SearchImagesResponse>(*Stubs().search, &v1::SearchService::Stub::SearchImages,
                                           request);
  }
  absl::StatusOr<v1::SuggestResponse> Suggest(const v1::SuggestRequest& request) override {
    return Unary<v1::SuggestResponse>(*Stubs().search, &v1::SearchService::Stub::Suggest, request);
  }
  absl::StatusOr<v1::FindSimilarResponse> FindSimilar(
      const v1::FindSimilarRequest& request) override {
    return Unary<v1::FindSimilarResponse>(*Stubs().search, &v1::SearchService::Stub::FindSimilar,
                                          request);
  }
  absl::StatusOr<v1::Image> Update(const v1::UpdateImageRequest& request) override {
    return Unary<v1::Image>(*Stubs().images, &v1::ImageService::Stub::UpdateImage, request);
  }
  absl::Status Delete(const v1::DeleteImageRequest& request) override {
    return Unary<v1::DeleteImageResponse>(*Stubs().images, &v1::ImageService::Stub::DeleteImage,
                                          request)
        .status();
  }
  absl::StatusOr<v1::ReprocessImagesResponse> Reprocess(
      const v1::ReprocessImagesRequest& request) override {
    return Unary<v1::ReprocessImagesResponse>(*Stubs().images,
                                              &v1::ImageService::Stub::ReprocessImages, request);
  }
  absl::Status Watch(const v1::WatchRequest& request,
                     absl::FunctionRef<bool(const v1::WatchResponse&)> on_batch) override {
    GrpcCall call(settings_, *stop_, kLongestWatch);
    const auto reader = Stubs().events->Watch(&call.context, request);
    v1::WatchResponse message;
    while (reader->Read(&message)) {
      if (!on_batch(message)) call.context.TryCancel();
    }
    return rpc::FromGrpc(reader->Finish());
  }
  absl::StatusOr<v1::CreateApiKeyResponse> CreateKey(
      const v1::CreateApiKeyRequest& request) override {
    return Unary<v1::CreateApiKeyResponse>(*Stubs().keys, &v1::KeyService::Stub::CreateApiKey,
                                           request);
  }
  absl::StatusOr<v1::ListApiKeysResponse> ListKeys(const v1::ListApiKeysRequest& request) override {
    return Unary<v1::ListApiKeysResponse>(*Stubs().keys, &v1::KeyService::Stub::ListApiKeys,
                                          request);
  }
  absl::StatusOr<v1::ApiKey> RevokeKey(const std::string& id) override {
    v1::RevokeApiKeyRequest request;
    request.set_id(id);
    return Unary<v1::ApiKey>(*Stubs().keys, &v1::KeyService::Stub::RevokeApiKey, request);
  }
  absl::StatusOr<v1::WhoAmIResponse> WhoAmI() override {
    return Unary<v1::WhoAmIResponse>(*Stubs().keys, &v1::KeyService::Stub::WhoAmI,
                                     v1::WhoAmIRequest());
  }
  absl::StatusOr<v1::ListWebhooksResponse> ListWebhooks() override {
    return Unary<v1::ListWebhooksResponse>(
        *Stubs().webhooks, &v1::WebhookService::Stub::ListWebhooks, v1::ListWebhooksRequest());
  }
  absl::StatusOr<v1::CreateWebhookResponse> CreateWebhook(
      const v1::CreateWebhookRequest& request) override {
    return Unary<v1::CreateWebhookResponse>(*Stubs().webhooks,
                                            &v1::WebhookService::Stub::CreateWebhook, request);
  }
  absl::Status DeleteWebhook(const std::string& id) override {
    v1::DeleteWebhookRequest request;
    request.set_id(id);
    return Unary<v1::DeleteWebhookResponse>(*Stubs().webhooks,
                                            &v1::WebhookService::Stub::DeleteWebhook, request)
        .status();
  }
  absl::StatusOr<v1::WebhookDelivery> TestWebhook(const std::string& id) override {
    v1::TestWebhookRequest request;
    request.set_id(id);
    return Unary<v1::WebhookDelivery>(*Stubs().webhooks, &v1::WebhookService::Stub::TestWebhook,
                                      request);
  }
  absl::StatusOr<v1::ListWebhookDeliveriesResponse> ListWebhookDeliveries(
      const v1::ListWebhookDeliveriesRequest& request) override {
    return Unary<v1::ListWebhookDeliveriesResponse>(
        *Stubs().webhooks, &v1::WebhookService::Stub::ListWebhookDeliveries, request);
  }
  absl::StatusOr<v1::WebhookDelivery> GetWebhookDelivery(const std::string& webhook_id,
                                                         const std::string& id) override {
    v1::GetWebhookDeliveryRequest request;
    request.set_webhook_id(webhook_id);
    request.set_id(id);
    return Unary<v1::WebhookDelivery>(*Stubs().webhooks,
                                      &v1::WebhookService::Stub::GetWebhookDelivery, request);
  }
  absl::StatusOr<v1::ReplayWebhookDeliveriesResponse> ReplayWebhookDeliveries(
      const v1::ReplayWebhookDeliveriesRequest& request) override {
    return Unary<v1::ReplayWebhookDeliveriesResponse>(
        *Stubs().webhooks, &v1::WebhookService::Stub::ReplayWebhookDeliveries, request);
  }
  absl::StatusOr<v1::ListFlaggedResponse> ListFlagged(
      const v1::ListFlaggedRequest& request) override {
    return Unary<v1::ListFlaggedResponse>(*Stubs().moderation,
                                          &v1::ModerationService::Stub::ListFlagged, request);
  }
  absl::StatusOr<v1::Image> DecideImage(const v1::DecideImageRequest& request) override {
    return Unary<v1::Image>(*Stubs().moderation, &v1::ModerationService::Stub::DecideImage,
                            request);
  }
  absl::StatusOr<v1::ListDecisionsResponse> ListDecisions(
      const v1::ListDecisionsRequest& request) override {
    return Unary<v1::ListDecisionsResponse>(*Stubs().moderation,
                                            &v1::ModerationService::Stub::ListDecisions, request);
  }
  absl::StatusOr<v1::AddBlockedHashesResponse> AddBlockedHashes(
      const v1::AddBlockedHashesRequest& request) override {
    return Unary<v1::AddBlockedHashesResponse>(
        *Stubs().moderation, &v1::ModerationService::Stub::AddBlockedHashes, request);
  }
  absl::StatusOr<v1::RemoveBlockedHashesResponse> RemoveBlockedHashes(
      const v1::RemoveBlockedHashesRequest& request) override {
    return Unary<v1::RemoveBlockedHashesResponse>(
        *Stubs().moderation, &v1::ModerationService::Stub::RemoveBlockedHashes, request);
  }
  absl::StatusOr<v1::AddBlockedHashesResponse> ImportBlockedHashes(
      const v1::ImportBlockedHashesRequest& request) override {
    return Unary<v1::AddBlockedHashesResponse>(
        *Stubs().moderation, &v1::ModerationService::Stub::ImportBlockedHashes, request);
  }
  absl::StatusOr<v1::ExportBlockedHashesResponse> ExportBlockedHashes(
      const v1::ExportBlockedHashesRequest& request) override {
    return Unary<v1::ExportBlockedHashesResponse>(
        *Stubs().moderation, &v1::ModerationService::Stub::ExportBlockedHashes, request);
  }
  absl::StatusOr<v1::VerifyIndexResponse> VerifyIndex() override {
    return Unary<v1::VerifyIndexResponse>(*Stubs().admin, &v1::AdminService::Stub::VerifyIndex,
                                          v1::VerifyIndexRequest(), kIndexCare);
  }
  absl::StatusOr<v1::RebuildIndexResponse> RebuildIndex() override {
    return Unary<v1::RebuildIndexResponse>(*Stubs().admin, &v1::AdminService::Stub::RebuildIndex,
                                           v1::RebuildIndexRequest(), kIndexCare);
  }
  absl::StatusOr<v1::IndexInfo> IndexInfo() override {
    return Unary<v1::IndexInfo>(*Stubs().admin, &v1::AdminService::Stub::GetIndexInfo,
                                v1::GetIndexInfoRequest());
  }
  absl::StatusOr<v1::ServerInfo> ServerInfo() override {
    return Unary<v1::ServerInfo>(*Stubs().system, &v1::SystemService::Stub::GetServerInfo,
                                 v1::GetServerInfoRequest());
  }
  absl::Status Ping() override {
    return Unary<v1::PingResponse>(*Stubs().system, &v1::SystemService::Stub::Ping,
                                   v1::PingRequest())
        .status();
  }

 private:
  template <typename Response, typename Stub, typename Method, typename Request>
  absl::StatusOr<Response> Unary(Stub& stub, Method method, const Request& request,
                                 absl::Duration at_least = absl::ZeroDuration()) {
    GrpcCall call(settings_, *stop_, std::max(settings_.timeout, at_least));
    return call.Unary<Response>(stub, method, request);
  }

  Connection& Stubs() { return *connections_[turn_++ % connections_.size()]; }

  const Settings settings_;
  const std::vector<std::unique_ptr<Connection>> connections_;
  const std::shared_ptr<Cancellation> stop_;
  std::atomic<size_t> turn_{0};
};

}  // namespace

absl::StatusOr<std::unique_ptr<Client>> ConnectGrpc(const Settings& settings,
                                                    const std::string& address, int connections,
                                                    std::shared_ptr<Cancellation> stop) {
  std::vector<std::unique_ptr<Connection>> all;
  for (int i = 0; i < connections; ++i) {
    SR_ASSIGN_OR_RETURN(const std::shared_ptr<grpc::Channel> channel, Dial(settings, address, i));
    all.push_back(std::make_unique<Connection>(channel));
  }
  return std::make_unique<GrpcClient>(settings, std::move(all), std::move(stop));
}

}  // namespace stockroom::cli
