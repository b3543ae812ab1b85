#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <utility>

#include "services/common/base/status.h"
#include "stockroom/v1/store.grpc.pb.h"
#include "tools/stockroom/dial.h"
#include "tools/stockroom/grpc_call.h"
#include "tools/stockroom/store_client.h"

namespace stockroom::cli {
namespace {

using Stub = v1::StoreService::Stub;

// What the server allows a page.
constexpr absl::Duration kPage = absl::Minutes(10);
// A large original over a slow line; the server allows no more.
constexpr absl::Duration kOriginal = absl::Minutes(10);

class GrpcStoreClient final : public StoreClient {
 public:
  GrpcStoreClient(const Settings& settings, const std::shared_ptr<grpc::Channel>& channel,
                  std::shared_ptr<Cancellation> stop)
      : settings_(settings), stub_(v1::StoreService::NewStub(channel)), stop_(std::move(stop)) {}

  absl::StatusOr<v1::Scrub> GetScrub() override {
    return Unary<v1::Scrub>(&Stub::GetScrub, v1::GetScrubRequest());
  }
  absl::StatusOr<v1::Scrub> StartScrub(const v1::StartScrubRequest& request) override {
    return Unary<v1::Scrub>(&Stub::StartScrub, request);
  }
  absl::StatusOr<v1::ListQuarantinedResponse> ListQuarantined(
      const v1::ListQuarantinedRequest& request) override {
    return Unary<v1::ListQuarantinedResponse>(&Stub::ListQuarantined, request);
  }
  absl::StatusOr<v1::CheckImagesResponse> CheckImages(
      const v1::CheckImagesRequest& request) override {
    return Unary<v1::CheckImagesResponse>(&Stub::CheckImages, request, kPage);
  }
  absl::StatusOr<v1::CheckBlobsResponse> CheckBlobs(const v1::CheckBlobsRequest& request) override {
    return Unary<v1::CheckBlobsResponse>(&Stub::CheckBlobs, request, kPage);
  }
  absl::StatusOr<v1::Catalogue> GetCatalogue() override {
    return Unary<v1::Catalogue>(&Stub::GetCatalogue, v1::GetCatalogueRequest());
  }
  absl::StatusOr<v1::ExportRowsResponse> ExportRows(const v1::ExportRowsRequest& request) override {
    return Unary<v1::ExportRowsResponse>(&Stub::ExportRows, request);
  }
  absl::StatusOr<v1::ImportRowsResponse> ImportRows(const v1::ImportRowsRequest& request) override {
    return Unary<v1::ImportRowsResponse>(&Stub::ImportRows, request);
  }
  absl::StatusOr<v1::MissingOriginalsResponse> MissingOriginals(
      const v1::MissingOriginalsRequest& request) override {
    return Unary<v1::MissingOriginalsResponse>(&Stub::MissingOriginals, request);
  }
  absl::StatusOr<v1::ReadOriginalResponse> ReadOriginal(
      const v1::ReadOriginalRequest& request) override {
    return Unary<v1::ReadOriginalResponse>(&Stub::ReadOriginal, request);
  }
  absl::StatusOr<v1::WriteOriginalResponse> WriteOriginal(const std::string& sha256,
                                                          ChunkSource next) override {
    GrpcCall call(settings_, *stop_, kOriginal);
    v1::WriteOriginalResponse response;
    const auto writer = stub_->WriteOriginal(&call.context, &response);
    v1::WriteOriginalRequest request;
    request.set_sha256(sha256);
    const absl::Status status = call.SendChunks(*writer, std::move(request), next);
    if (!status.ok()) return status;
    return response;
  }

 private:
  template <typename Response, typename Method, typename Request>
  absl::StatusOr<Response> Unary(Method method, const Request& request,
                                 absl::Duration at_least = absl::ZeroDuration()) {
    GrpcCall call(settings_, *stop_, std::max(settings_.timeout, at_least));
    return call.Unary<Response>(*stub_, method, request);
  }

  const Settings settings_;
  const std::unique_ptr<Stub> stub_;
  const std::shared_ptr<Cancellation> stop_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<StoreClient>> ConnectStore(const Settings& settings,
                                                          const std::string& address,
                                                          std::shared_ptr<Cancellation> stop) {
  SR_ASSIGN_OR_RETURN(const std::shared_ptr<grpc::Channel> channel, Dial(settings, address, 0));
  return std::make_unique<GrpcStoreClient>(settings, channel, std::move(stop));
}

}  // namespace stockroom::cli
