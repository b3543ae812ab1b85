// TLS for the HTTP server: what is negotiated, and certificates that are changed while it runs.
#pragma once

#include <utility>

#include <boost/asio/ssl/context.hpp>
#include <memory>

#include "absl/status/statusor.h"
#include "services/common/base/certificates.h"
#include "services/common/base/mutex.h"

namespace stockroom::http {

// TLS 1.2 with forward secrecy and authenticated ciphers, or 1.3; ALPN http/1.1; no compression, no
// renegotiation; clients must have a certificate of `ca` if that is given. INVALID_ARGUMENT for
// certificates that OpenSSL does not take (keys that are too short, for example).
absl::StatusOr<std::shared_ptr<boost::asio::ssl::context>> MakeTlsContext(
    const Certificates& certificates);

// The context for the next connection; those that run keep theirs. Thread-safe.
class TlsListener {
 public:
  static absl::StatusOr<std::unique_ptr<TlsListener>> Start(const TlsFiles& files,
                                                            CertificateWatch::Options options,
                                                            Metrics& metrics);

  std::shared_ptr<boost::asio::ssl::context> context();

 private:
  TlsListener() = default;

  Mutex mu_;
  std::shared_ptr<boost::asio::ssl::context> context_ SR_GUARDED_BY(mu_);
  std::unique_ptr<CertificateWatch> watch_;  // last: it hands out to the members above
};

}  // namespace stockroom::http
