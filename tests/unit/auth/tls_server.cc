#include "tests/unit/auth/tls_server.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>

namespace stockroom::test {

struct TlsServer::Context {
  SSL_CTX* ssl;
};

namespace {

void Require(bool fine, const char* what) {
  if (fine) return;
  std::fprintf(stderr, "TlsServer: %s\n", what);
  std::abort();
}

}  // namespace

TlsServer::TlsServer(const std::string& certificate_pem, const std::string& key_pem,
                     std::string body)
    : context_(new Context{SSL_CTX_new(TLS_server_method())}),
      answer_("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: " +
              std::to_string(body.size()) + "\r\n\r\n" + body) {
  // A client that refuses the certificate may be gone before OpenSSL has written to it; OpenSSL
  // writes without MSG_NOSIGNAL.
  std::signal(SIGPIPE, SIG_IGN);
  BIO* bio = BIO_new_mem_buf(certificate_pem.data(), static_cast<int>(certificate_pem.size()));
  X509* certificate = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
  BIO_free(bio);
  bio = BIO_new_mem_buf(key_pem.data(), static_cast<int>(key_pem.size()));
  EVP_PKEY* key = PEM_read_bio_PrivateKey(bio, nullptr, nullptr, nullptr);
  BIO_free(bio);
  Require(SSL_CTX_use_certificate(context_->ssl, certificate) == 1 &&
              SSL_CTX_use_PrivateKey(context_->ssl, key) == 1,
          "bad certificate");
  X509_free(certificate);
  EVP_PKEY_free(key);
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  Require(::bind(listener_, generic, length) == 0 && ::listen(listener_, 8) == 0 &&
              ::getsockname(listener_, generic, &length) == 0,
          "can not listen");
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { Serve(); });
}

TlsServer::~TlsServer() {
  stopping_ = true;
  ::shutdown(listener_, SHUT_RDWR);
  thread_.join();
  ::close(listener_);
  SSL_CTX_free(context_->ssl);
  delete context_;
}

void TlsServer::Serve() {
  while (!stopping_) {
    const int connection = ::accept(listener_, nullptr, nullptr);
    if (connection < 0) continue;
    SSL* ssl = SSL_new(context_->ssl);
    SSL_set_fd(ssl, connection);
    char request[4096];
    if (SSL_accept(ssl) == 1 && SSL_read(ssl, request, sizeof request) > 0) {
      SSL_write(ssl, answer_.data(), static_cast<int>(answer_.size()));
      SSL_shutdown(ssl);
    }
    SSL_free(ssl);
    ::close(connection);
    ERR_clear_error();
  }
}

}  // namespace stockroom::test
