#include "services/common/http/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <boost/asio/buffer.hpp>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "services/common/base/status.h"

namespace stockroom::http {
namespace {
namespace ssl = boost::asio::ssl;

// For TLS 1.2; all suites of 1.3 are good.
constexpr char kCiphers[] = "ECDHE+AESGCM:ECDHE+CHACHA20";
constexpr unsigned char kProtocol[] = "\x08http/1.1";
constexpr unsigned char kSessionContext[] = "stockroom";

// A client that knows only protocols that are not spoken here shall hear that, instead of a
// malformed answer.
int SelectProtocol(SSL*, const unsigned char** out, unsigned char* out_length,
                   const unsigned char* in, unsigned int in_length, void*) {
  unsigned char* selected = nullptr;
  const int found =
      SSL_select_next_proto(&selected, out_length, kProtocol, sizeof kProtocol - 1, in, in_length);
  if (found != OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_ALERT_FATAL;
  *out = selected;
  return SSL_TLSEXT_ERR_OK;
}

absl::Status Refused(std::string_view what, std::string_view why) {
  ERR_clear_error();
  return InvalidArgument(
      "BAD_CERTIFICATE",
      absl::StrCat("OpenSSL does not take the ", std::string(what), ": ", std::string(why)));
}

}  // namespace

absl::StatusOr<std::shared_ptr<ssl::context>> MakeTlsContext(const Certificates& certificates) {
  auto context = std::make_shared<ssl::context>(ssl::context::tls_server);
  SSL_CTX* raw = context->native_handle();
  SSL_CTX_set_min_proto_version(raw, TLS1_2_VERSION);
  SSL_CTX_set_options(raw, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                               SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  // An idle connection needs no buffers.
  SSL_CTX_set_mode(raw, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_alpn_select_cb(raw, SelectProtocol, nullptr);
  // Without a name, resumption by clients with certificates is refused.
  SSL_CTX_set_session_id_context(raw, kSessionContext, sizeof kSessionContext - 1);
  if (SSL_CTX_set_cipher_list(raw, kCiphers) != 1) return Refused("ciphers", kCiphers);

  boost::system::error_code error;
  context->use_certificate_chain(boost::asio::buffer(certificates.chain), error);
  if (error) return Refused("certificate", error.message());
  context->use_private_key(boost::asio::buffer(certificates.key), ssl::context::pem, error);
  if (error) return Refused("private key", error.message());
  if (!certificates.ca.empty()) {
    context->add_certificate_authority(boost::asio::buffer(certificates.ca), error);
    if (error) return Refused("authority", error.message());
    SSL_CTX_set_verify(raw, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
  return context;
}

absl::StatusOr<std::unique_ptr<TlsListener>> TlsListener::Start(const TlsFiles& files,
                                                                CertificateWatch::Options options,
                                                                Metrics& metrics) {
  std::unique_ptr<TlsListener> listener(new TlsListener);
  const auto use = [raw = listener.get()](const Certificates& certificates) -> absl::Status {
    SR_ASSIGN_OR_RETURN(auto context, MakeTlsContext(certificates));
    MutexLock lock(raw->mu_);
    raw->context_ = std::move(context);
    return absl::OkStatus();
  };
  SR_ASSIGN_OR_RETURN(listener->watch_,
                      CertificateWatch::Start(files, std::move(options), use, metrics));
  return listener;
}

std::shared_ptr<ssl::context> TlsListener::context() {
  MutexLock lock(mu_);
  return context_;
}

}  // namespace stockroom::http
