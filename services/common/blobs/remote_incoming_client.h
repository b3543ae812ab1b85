// IncomingClient over gRPC, to a file server.
#pragma once

#include <memory>
#include <string>

#include "services/common/base/metrics.h"
#include "services/common/blobs/incoming_client.h"
#include "services/common/rpc/tls.h"

namespace stockroom {

// Thread-safe. Not to be destroyed inside a callback. One connection, made when first used and
// re-made for ever; a call that finds none fails with UNAVAILABLE. Metrics:
// stockroom_blob_client_calls_total (label call), _failures_total (call, code).
class RemoteIncomingClient final : public IncomingClient {
 public:
  struct Options {
    std::string target;  // host:port, or a gRPC name
    rpc::PeerTls tls;
    // Completions make no blob of what does not begin as an image does: INVALID_ARGUMENT
    // (NOT_AN_IMAGE). SVG is one if `svg` is set.
    bool images_only = false;
    bool svg = false;
  };
  RemoteIncomingClient(const Options& options, Metrics& metrics);
  ~RemoteIncomingClient() override;

  void Create(const CallContext& context, IncomingSpec spec,
              absl::AnyInvocable<void(absl::StatusOr<IncomingTicket>)> done) override;
  void Stat(const CallContext& context, const std::string& id,
            absl::AnyInvocable<void(absl::StatusOr<IncomingInfo>)> done) override;
  void Complete(const CallContext& context, const std::string& id,
                absl::AnyInvocable<void(absl::StatusOr<IncomingBlob>)> done) override;
  void Remove(const CallContext& context, const std::string& id,
              absl::AnyInvocable<void(absl::Status)> done) override;
  void SignBlobUrl(const CallContext& context, BlobUrlSpec spec,
                   absl::AnyInvocable<void(absl::StatusOr<std::string>)> done) override;

 private:
  class Connection;
  const std::unique_ptr<Connection> connection_;
};

}  // namespace stockroom
