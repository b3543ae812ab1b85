// Certificates for gRPC servers and channels, which follow their files while these run.
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/common/base/certificates.h"
#include "services/common/base/metrics.h"
#include "services/common/base/mutex.h"

namespace grpc {
class ChannelCredentials;
class ServerCredentials;
}  // namespace grpc

namespace stockroom::rpc {

// Thread-safe. Servers and channels made with it must not outlive it. A change reaches new
// connections within the watch's interval and two seconds; running ones keep what they have.
class TlsCertificates {
 public:
  // Null if no file is named: then everything is plain. Else the first load must succeed:
  // INVALID_ARGUMENT.
  static absl::StatusOr<std::shared_ptr<TlsCertificates>> Start(TlsFiles files,
                                                                CertificateWatch::Options options,
                                                                Metrics& metrics);
  ~TlsCertificates();

  // Needs a certificate. With authorities clients must have a certificate of one of them.
  std::shared_ptr<grpc::ServerCredentials> ForServer() const;
  // Needs authorities: servers must have a certificate of one of them, for the name that is
  // dialled. The own certificate, if there is one, is shown to servers that ask.
  std::shared_ptr<grpc::ChannelCredentials> ForChannel() const;

 private:
  class Mirror;
  explicit TlsCertificates(TlsFiles files);
  absl::Status Publish(const Certificates& certificates);

  const TlsFiles files_;
  const std::unique_ptr<Mirror> identity_;
  const std::unique_ptr<Mirror> authorities_;
  std::unique_ptr<CertificateWatch> watch_;  // last: it publishes to the members above
};

// How a channel finds out that it talks to the right one. Plain if `certificates` is null.
struct PeerTls {
  std::shared_ptr<TlsCertificates> certificates;
  // The name that the server's certificate must have; "": the host that is dialled.
  std::string name;
};

}  // namespace stockroom::rpc
