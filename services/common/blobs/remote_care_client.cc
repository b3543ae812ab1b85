#include "services/common/blobs/remote_care_client.h"

#include <utility>

#include "services/common/blobs/await.h"
#include "services/common/blobs/care_wire.h"
#include "services/common/rpc/channel.h"
#include "services/common/rpc/client_streams.h"
#include "stockroom/internal/care.grpc.pb.h"

namespace stockroom {

class RemoteCareClient::Stub {
 public:
  explicit Stub(const Options& options)
      : tls_(options.tls),
        stub_(internal::CareService::NewStub(
            rpc::MakeChannel(options.target, {.pool_index = 0, .tls = options.tls}))) {}

  template <typename Response, typename Request, typename Start>
  absl::StatusOr<Response> Call(const CallContext& context, Request request, Start start) {
    return Await<absl::StatusOr<Response>>([&](auto done) {
      rpc::CallUnary<Response>(
          context, std::move(request),
          [start, stub = stub_.get()](auto* client_context, const auto* wire, auto* response,
                                      auto end) {
            start(*stub->async(), client_context, wire, response, std::move(end));
          },
          std::move(done));
    });
  }

 private:
  const rpc::PeerTls tls_;  // outlives the channel
  const std::unique_ptr<internal::CareService::Stub> stub_;
};

RemoteCareClient::RemoteCareClient(const Options& options)
    : stub_(std::make_unique<Stub>(options)) {}
RemoteCareClient::~RemoteCareClient() = default;

absl::StatusOr<ScrubStatus> RemoteCareClient::GetScrubStatus(const CallContext& context) {
  SR_ASSIGN_OR_RETURN(
      const internal::ScrubStatus status,
      stub_->Call<internal::ScrubStatus>(
          context, internal::GetScrubStatusRequest(),
          [](auto& async, auto* client_context, const auto* wire, auto* response, auto end) {
            async.GetScrubStatus(client_context, wire, response, std::move(end));
          }));
  return FromWire(status);
}

absl::StatusOr<ScrubStatus> RemoteCareClient::StartScrub(const CallContext& context,
                                                         int64_t bytes_per_second) {
  internal::StartScrubRequest request;
  request.set_bytes_per_second(bytes_per_second);
  SR_ASSIGN_OR_RETURN(
      const internal::ScrubStatus status,
      stub_->Call<internal::ScrubStatus>(
          context, std::move(request),
          [](auto& async, auto* client_context, const auto* wire, auto* response, auto end) {
            async.StartScrub(client_context, wire, response, std::move(end));
          }));
  return FromWire(status);
}

absl::StatusOr<QuarantinedPage> RemoteCareClient::ListQuarantined(const CallContext& context,
                                                                  const std::string& cursor,
                                                                  int page_size) {
  internal::ListQuarantinedRequest request;
  request.set_cursor(cursor);
  request.set_page_size(page_size);
  SR_ASSIGN_OR_RETURN(
      const internal::ListQuarantinedResponse page,
      stub_->Call<internal::ListQuarantinedResponse>(
          context, std::move(request),
          [](auto& async, auto* client_context, const auto* wire, auto* response, auto end) {
            async.ListQuarantined(client_context, wire, response, std::move(end));
          }));
  return FromWire(page);
}

absl::StatusOr<StoredPage> RemoteCareClient::ListStored(const CallContext& context,
                                                        const std::string& cursor, int page_size) {
  internal::ListStoredRequest request;
  request.set_cursor(cursor);
  request.set_page_size(page_size);
  SR_ASSIGN_OR_RETURN(
      const internal::ListStoredResponse page,
      stub_->Call<internal::ListStoredResponse>(
          context, std::move(request),
          [](auto& async, auto* client_context, const auto* wire, auto* response, auto end) {
            async.ListStored(client_context, wire, response, std::move(end));
          }));
  return FromWire(page);
}

absl::StatusOr<std::vector<BlobVerdict>> RemoteCareClient::VerifyBlobs(
    const CallContext& context, std::span<const Digest> digests, bool full) {
  internal::VerifyBlobsRequest request;
  for (const Digest& digest : digests) request.add_sha256(std::string(digest.bytes()));
  request.set_full(full);
  SR_ASSIGN_OR_RETURN(
      const internal::VerifyBlobsResponse response,
      stub_->Call<internal::VerifyBlobsResponse>(
          context, std::move(request),
          [](auto& async, auto* client_context, const auto* wire, auto* answer, auto end) {
            async.VerifyBlobs(client_context, wire, answer, std::move(end));
          }));
  std::vector<BlobVerdict> verdicts;
  for (const internal::BlobVerdict& wire : response.verdicts()) {
    SR_ASSIGN_OR_RETURN(BlobVerdict verdict, FromWire(wire));
    // A server that answers for something else must not have it taken for what was asked.
    if (verdicts.size() == digests.size() || verdict.sha256 != digests[verdicts.size()]) {
      return absl::InternalError("the file server's verdicts are not those that were asked for");
    }
    verdicts.push_back(std::move(verdict));
  }
  if (verdicts.empty()) return absl::InternalError("the file server gave no verdict");
  return verdicts;
}

absl::StatusOr<DiskUsage> RemoteCareClient::GetDiskUsage(const CallContext& context) {
  SR_ASSIGN_OR_RETURN(
      const internal::DiskUsage usage,
      stub_->Call<internal::DiskUsage>(
          context, internal::GetDiskUsageRequest(),
          [](auto& async, auto* client_context, const auto* wire, auto* response, auto end) {
            async.GetDiskUsage(client_context, wire, response, std::move(end));
          }));
  return FromWire(usage);
}

}  // namespace stockroom
