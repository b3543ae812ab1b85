#include "services/common/rpc/tls.h"

#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_credentials_options.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/common/base/status.h"

namespace stockroom::rpc {
namespace {

using grpc::experimental::FileWatcherCertificateProvider;

constexpr unsigned kLookEverySeconds = 1;

}  // namespace

// A file in memory that holds what was last found good, for gRPC's own file watcher. That one drops
// the certificates in use as soon as it sees broken ones, so it must never see any.
class TlsCertificates::Mirror {
 public:
  Mirror() : fd_(::memfd_create("tls", MFD_CLOEXEC)) {}
  ~Mirror() {
    if (fd_ >= 0) ::close(fd_);
  }
  Mirror(const Mirror&) = delete;
  Mirror& operator=(const Mirror&) = delete;

  // One write, without shortening the file before it; a reader that comes in between sees by the
  // time of the change that it must read again.
  absl::Status Write(std::string pem) {
    size_ = std::max(size_, pem.size());
    pem.resize(size_, '\n');
    const ssize_t n = ::pwrite(fd_, pem.data(), pem.size(), 0);
    if (n == static_cast<ssize_t>(pem.size())) return absl::OkStatus();
    return Unavailable("OUT_OF_MEMORY", "can not keep the TLS certificates in memory");
  }

  std::string path() const { return absl::StrCat("/proc/self/fd/", fd_); }

 private:
  const int fd_;
  size_t size_ = 0;
};

TlsCertificates::TlsCertificates(TlsFiles files)
    : files_(std::move(files)),
      identity_(std::make_unique<Mirror>()),
      authorities_(std::make_unique<Mirror>()) {}

TlsCertificates::~TlsCertificates() = default;

absl::StatusOr<std::shared_ptr<TlsCertificates>> TlsCertificates::Start(
    TlsFiles files, CertificateWatch::Options options, Metrics& metrics) {
  if (files.empty()) return nullptr;
  std::shared_ptr<TlsCertificates> made(new TlsCertificates(files));
  const auto publish = [raw = made.get()](const Certificates& found) {
    return raw->Publish(found);
  };
  SR_ASSIGN_OR_RETURN(made->watch_, CertificateWatch::Start(std::move(files), std::move(options),
                                                            publish, metrics));
  return made;
}

absl::Status TlsCertificates::Publish(const Certificates& certificates) {
  // In one file, so that gRPC never sees the key of one certificate with another.
  SR_RETURN_IF_ERROR(identity_->Write(absl::StrCat(certificates.key, "\n", certificates.chain)));
  return authorities_->Write(certificates.ca);
}

std::shared_ptr<grpc::ServerCredentials> TlsCertificates::ForServer() const {
  const bool mutual = !files_.ca.empty();
  grpc::experimental::TlsServerCredentialsOptions options(
      std::make_shared<FileWatcherCertificateProvider>(identity_->path(), identity_->path(),
                                                       mutual ? authorities_->path() : "",
                                                       kLookEverySeconds));
  options.watch_identity_key_cert_pairs();
  if (mutual) {
    options.watch_root_certs();
    options.set_cert_request_type(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  }
  return grpc::experimental::TlsServerCredentials(options);
}

std::shared_ptr<grpc::ChannelCredentials> TlsCertificates::ForChannel() const {
  const std::string identity = files_.HasPair() ? identity_->path() : "";
  grpc::experimental::TlsChannelCredentialsOptions options;
  options.set_certificate_provider(std::make_shared<FileWatcherCertificateProvider>(
      identity, identity, authorities_->path(), kLookEverySeconds));
  options.watch_root_certs();
  if (!identity.empty()) options.watch_identity_key_cert_pairs();
  return grpc::experimental::TlsCredentials(options);
}

}  // namespace stockroom::rpc
