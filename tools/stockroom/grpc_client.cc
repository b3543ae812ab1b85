#include <grpcpp/grpcpp.h>

#include <atomic>
#include <fstream>
#include <sstream>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/common/base/call_context.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"
#include "services/common/rpc/context.h"
#include "services/common/rpc/status.h"
#include "stockroom/v1/events.grpc.pb.h"
#include "stockroom/v1/images.grpc.pb.h"
#include "stockroom/v1/keys.grpc.pb.h"
#include "stockroom/v1/search.grpc.pb.h"
#include "stockroom/v1/system.grpc.pb.h"
#include "stockroom/v1/webhooks.grpc.pb.h"
#include "tools/stockroom/client.h"

namespace stockroom::cli {
namespace {

// A page of 500 full records fits; an upload's chunks are far smaller.
constexpr int kMaxMessageBytes = 64 << 20;

// The server ends watches earlier.
constexpr absl::Duration kLongestWatch = absl::Hours(24);

struct Connection {
  explicit Connection(const std::shared_ptr<grpc::Channel>& channel)
      : events(v1::EventService::NewStub(channel)),
        images(v1::ImageService::NewStub(channel)),
        keys(v1::KeyService::NewStub(channel)),
        search(v1::SearchService::NewStub(channel)),
        system(v1::SystemService::NewStub(channel)),
        webhooks(v1::WebhookService::NewStub(channel)) {}

  std::unique_ptr<v1::EventService::Stub> events;
  std::unique_ptr<v1::ImageService::Stub> images;
  std::unique_ptr<v1::KeyService::Stub> keys;
  std::unique_ptr<v1::SearchService::Stub> search;
  std::unique_ptr<v1::SystemService::Stub> system;
  std::unique_ptr<v1::WebhookService::Stub> webhooks;
};

class GrpcClient final : public Client {
 public:
  GrpcClient(const Settings& settings, std::vector<std::unique_ptr<Connection>> connections,
             std::shared_ptr<Cancellation> stop)
      : settings_(settings), connections_(std::move(connections)), stop_(std::move(stop)) {}

  absl::StatusOr<v1::UploadImageResponse> Upload(const v1::UploadHeader& header, ChunkSource next,
                                                 absl::Duration timeout) override {
    Call call(*this, timeout);
    v1::UploadImageResponse response;
    const auto writer = Stubs().images->UploadImage(&call.context, &response);
    v1::UploadImageRequest request;
    *request.mutable_header() = header;
    bool open = writer->Write(request);
    while (open) {
      absl::StatusOr<std::string> chunk = next();
      if (!chunk.ok()) {
        // Without a half-close the server keeps nothing of it.
        call.context.TryCancel();
        writer->Finish();
        return chunk.status();
      }
      if (chunk->empty()) break;
      request.set_chunk(*std::move(chunk));
      open = writer->Write(request);
    }
    if (open) writer->WritesDone();
    // A write that failed may be an answer that came early, a good one too.
    const absl::Status status = rpc::FromGrpc(writer->Finish());
    if (!status.ok()) return status;
    return response;
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
    Call call(*this, kLongestWatch);
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
  // Deadline, key and interruption of one call.
  struct Call {
    Call(const GrpcClient& client, absl::Duration timeout) {
      rpc::ApplyTo(context, CallContext::WithTimeout(timeout));
      if (!client.settings_.api_key.empty()) {
        context.AddMetadata("authorization", "Bearer " + client.settings_.api_key);
      }
      registration = client.stop_->OnCancel([this] { context.TryCancel(); });
    }
    grpc::ClientContext context;
    std::unique_ptr<Cancellation::Registration> registration;
  };

  template <typename Response, typename Stub, typename Method, typename Request>
  absl::StatusOr<Response> Unary(Stub& stub, Method method, const Request& request) {
    Call call(*this, settings_.timeout);
    Response response;
    const absl::Status status = rpc::FromGrpc((stub.*method)(&call.context, request, &response));
    if (!status.ok()) return status;
    return response;
  }

  Connection& Stubs() { return *connections_[turn_++ % connections_.size()]; }

  const Settings settings_;
  const std::vector<std::unique_ptr<Connection>> connections_;
  const std::shared_ptr<Cancellation> stop_;
  std::atomic<size_t> turn_{0};
};

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> Credentials(const Settings& settings) {
  if (!settings.tls) return grpc::InsecureChannelCredentials();
  grpc::SslCredentialsOptions options;
  if (!settings.ca_file.empty()) {
    std::ifstream in(settings.ca_file, std::ios::binary);
    std::stringstream pem;
    pem << in.rdbuf();
    if (!in || pem.str().empty()) {
      return NotFound("NO_CA", absl::StrCat("the file of authorities ", settings.ca_file,
                                            " can not be read; give a PEM file with --ca"));
    }
    options.pem_root_certs = pem.str();
  }
  return grpc::SslCredentials(options);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Client>> ConnectGrpc(const Settings& settings,
                                                    const std::string& address, int connections,
                                                    std::shared_ptr<Cancellation> stop) {
  SR_ASSIGN_OR_RETURN(const std::shared_ptr<grpc::ChannelCredentials> credentials,
                      Credentials(settings));
  std::vector<std::unique_ptr<Connection>> all;
  for (int i = 0; i < connections; ++i) {
    grpc::ChannelArguments arguments;
    // Equal channels would silently share one connection.
    arguments.SetInt("grpc.channel_id", i);
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetMaxReceiveMessageSize(kMaxMessageBytes);
    // A server that vanished without a word is noticed.
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 60'000);
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20'000);
    arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
    arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 1'000);
    arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 2'000);
    all.push_back(
        std::make_unique<Connection>(grpc::CreateCustomChannel(address, credentials, arguments)));
  }
  return std::make_unique<GrpcClient>(settings, std::move(all), std::move(stop));
}

}  // namespace stockroom::cli
