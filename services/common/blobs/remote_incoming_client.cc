#include "services/common/blobs/remote_incoming_client.h"

#include <utility>

#include "services/common/base/status.h"
#include "services/common/blobs/call_metrics.h"
#include "services/common/blobs/incoming_wire.h"
#include "services/common/rpc/channel.h"
#include "services/common/rpc/client_streams.h"
#include "stockroom/internal/incoming.grpc.pb.h"

namespace stockroom {
namespace {

// Apart from the connections of RemoteBlobClient, which carry the bytes.
constexpr int kPoolIndex = 1000;

}  // namespace

class RemoteIncomingClient::Connection {
 public:
  Connection(const Options& options, Metrics& metrics)
      : create("CreateIncoming", metrics),
        stat("StatIncoming", metrics),
        complete("CompleteIncoming", metrics),
        remove("RemoveIncoming", metrics),
        sign("SignBlobUrl", metrics),
        images_only(options.images_only),
        svg(options.svg),
        tls(options.tls),
        stub(internal::IncomingService::NewStub(
            rpc::MakeChannel(options.target, {.pool_index = kPoolIndex, .tls = options.tls}))) {}

  // Counts, calls, and hands on what `convert` makes of the answer.
  template <typename Response, typename Request, typename Start, typename Convert, typename Done>
  static void Call(const CallContext& context, CallMetrics& metrics, Request request, Start start,
                   Convert convert, Done done) {
    metrics.Started();
    rpc::CallUnary<Response>(
        context, std::move(request), std::move(start),
        [&metrics, convert, done = std::move(done)](absl::StatusOr<Response> response) mutable {
          auto result =
              response.ok() ? convert(*response) : decltype(convert(*response))(response.status());
          if (!result.ok()) metrics.Failed(result.status());
          done(std::move(result));
        });
  }

  CallMetrics create;
  CallMetrics stat;
  CallMetrics complete;
  CallMetrics remove;
  CallMetrics sign;
  const bool images_only;
  const bool svg;
  const rpc::PeerTls tls;  // outlives the channel
  const std::unique_ptr<internal::IncomingService::Stub> stub;
};

RemoteIncomingClient::RemoteIncomingClient(const Options& options, Metrics& metrics)
    : connection_(std::make_unique<Connection>(options, metrics)) {}
RemoteIncomingClient::~RemoteIncomingClient() = default;

void RemoteIncomingClient::Create(const CallContext& context, IncomingSpec spec,
                                  absl::AnyInvocable<void(absl::StatusOr<IncomingTicket>)> done) {
  Connection::Call<internal::CreateIncomingResponse>(
      context, connection_->create, ToWire(spec),
      [stub = connection_->stub.get()](auto* client, const auto* wire, auto* response, auto end) {
        stub->async()->CreateIncoming(client, wire, response, std::move(end));
      },
      [](const internal::CreateIncomingResponse& wire) {
        return absl::StatusOr<IncomingTicket>(FromWire(wire));
      },
      std::move(done));
}

void RemoteIncomingClient::Stat(const CallContext& context, const std::string& id,
                                absl::AnyInvocable<void(absl::StatusOr<IncomingInfo>)> done) {
  internal::StatIncomingRequest request;
  request.set_id(id);
  Connection::Call<internal::IncomingInfo>(
      context, connection_->stat, std::move(request),
      [stub = connection_->stub.get()](auto* client, const auto* wire, auto* response, auto end) {
        stub->async()->StatIncoming(client, wire, response, std::move(end));
      },
      [](const internal::IncomingInfo& wire) {
        return absl::StatusOr<IncomingInfo>(FromWire(wire));
      },
      std::move(done));
}

void RemoteIncomingClient::Complete(const CallContext& context, const std::string& id,
                                    absl::AnyInvocable<void(absl::StatusOr<IncomingBlob>)> done) {
  internal::CompleteIncomingRequest request;
  request.set_id(id);
  request.set_images_only(connection_->images_only);
  request.set_svg(connection_->svg);
  Connection::Call<internal::CompleteIncomingResponse>(
      context, connection_->complete, std::move(request),
      [stub = connection_->stub.get()](auto* client, const auto* wire, auto* response, auto end) {
        stub->async()->CompleteIncoming(client, wire, response, std::move(end));
      },
      [](const internal::CompleteIncomingResponse& wire) { return FromWire(wire); },
      std::move(done));
}

void RemoteIncomingClient::Remove(const CallContext& context, const std::string& id,
                                  absl::AnyInvocable<void(absl::Status)> done) {
  internal::RemoveIncomingRequest request;
  request.set_id(id);
  Connection::Call<internal::RemoveIncomingResponse>(
      context, connection_->remove, std::move(request),
      [stub = connection_->stub.get()](auto* client, const auto* wire, auto* response, auto end) {
        stub->async()->RemoveIncoming(client, wire, response, std::move(end));
      },
      [](const internal::RemoveIncomingResponse&) { return absl::StatusOr<bool>(true); },
      [done = std::move(done)](const absl::StatusOr<bool>& removed) mutable {
        done(removed.status());
      });
}

void RemoteIncomingClient::SignBlobUrl(const CallContext& context, BlobUrlSpec spec,
                                       absl::AnyInvocable<void(absl::StatusOr<std::string>)> done) {
  Connection::Call<internal::SignBlobUrlResponse>(
      context, connection_->sign, ToWire(spec),
      [stub = connection_->stub.get()](auto* client, const auto* wire, auto* response, auto end) {
        stub->async()->SignBlobUrl(client, wire, response, std::move(end));
      },
      [](const internal::SignBlobUrlResponse& wire) {
        return absl::StatusOr<std::string>(wire.url());
      },
      std::move(done));
}

}  // namespace stockroom
